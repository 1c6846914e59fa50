//! Build, run, drain: the rooms put together in the order they depend on each other, and taken down in the
//! reverse: stop accepting, end subscriptions, flush, close.

use std::cell::OnceCell;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use metrics::{counter, gauge};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{LocalSet, spawn_local, unconstrained};

use crate::api::{Context, Control, Identity, Service};
use crate::config::Config;
use crate::console::{self, Console, Desk, Facts, Rooms};
use crate::limits;
use crate::net::{self, Admin, Readiness, SelfSigned, Tls, TlsError};
use crate::platform::{self, Clock};
use crate::push::{Hub, HubSettings};
use crate::storage::{Engine, Settings, Sizes, StorageError, Store};
#[cfg(feature = "otel")]
use crate::telemetry::spans;
use crate::telemetry::{AlreadyInstalled, Exporter, names};

/// How often expired segments are looked for and the log's health is told.
const MAINTENANCE: Duration = Duration::from_secs(1);
/// How long a clean stop may take to bring everything to segments.
const FLUSH_PATIENCE: Duration = Duration::from_secs(10);

/// Why the server did not start, or stopped.
#[derive(Debug, Error)]
pub enum ServerError {
    /// An address could not be bound.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// The system's words.
        error: io::Error,
    },
    /// The data directory could not be opened.
    #[error("cannot use {dir} as the data directory: {error}")]
    DataDir {
        /// Which.
        dir: String,
        /// The system's words.
        error: io::Error,
    },
    /// What the data directory holds cannot be served.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The certificate or key is unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Metrics could not be set up.
    #[error(transparent)]
    Metrics(#[from] AlreadyInstalled),
    /// The system refused something else.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Runs the server until it is told to stop.
pub fn run(config: &Config) -> Result<(), ServerError> {
    platform::raise_descriptor_limit();
    let exporter = Exporter::install()?;
    let data = bind(config.listen)?;
    let admin = bind(config.admin_listen)?;
    let readiness = Readiness::pending("opening the data directory");
    let (stop, stopping) = net::shutdown();
    let (console, desk) = console(config, &exporter, &readiness);
    let scraped = scraping(exporter.clone(), config.data_dir.clone());
    let admin_thread = net::serve_admin(
        admin,
        Admin { metrics: Box::new(scraped), readiness: readiness.clone(), console },
        stopping.clone(),
    )?;
    keep_up(exporter)?;
    #[cfg(feature = "otel")]
    let exporting = export_spans(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let store = Rc::new(OnceCell::new());
    let serving = serve(config, data, readiness, (stop, stopping), Rc::clone(&store), desk);
    let local = LocalSet::new();
    let outcome = runtime.block_on(lending_the_core(local.run_until(serving), &store));
    #[cfg(feature = "otel")]
    exporting.into_iter().for_each(net::Exporting::finish);
    if admin_thread.join().is_err() {
        tracing::warn!("the admin endpoint ended with a panic");
    }
    outcome
}

/// While a commit is under way, offers the core to other threads after each round of tasks. The end of a
/// synced write is the work of a kernel thread bound to one core: to that of a thread always busy it
/// comes only with the scheduler's tick, 4 ms late (seen: 4.0 ms instead of 0.25).
async fn lending_the_core<F: Future>(serving: F, store: &OnceCell<Store>) -> F::Output {
    let mut serving = pin!(serving);
    poll_fn(|cx| {
        let polled = serving.as_mut().poll(cx);
        if store.get().is_some_and(Store::is_committing) {
            thread::yield_now();
        }
        polled
    })
    .await
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    let listener = TcpListener::bind(address).map_err(|error| ServerError::Bind { address, error })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Spans go to a collector where one is named.
#[cfg(feature = "otel")]
fn export_spans(config: &Config) -> io::Result<Option<net::Exporting>> {
    let spans = config.tells.sends_spans().then(|| spans::begin(config.tells.otlp_sample)).flatten();
    spans.map(|spans| net::export_spans(config.tells.otlp_endpoint.as_deref(), spans)).transpose()
}

/// What a scrape gets: everything recorded, and the process as it is at that moment.
fn scraping(exporter: Exporter, data_dir: PathBuf) -> impl Fn() -> String {
    gauge!(names::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    gauge!(names::START_TIME).set(Clock::system().wall().as_millis() as f64 / 1e3);
    let (cpu, resident) = (counter!(names::CPU_SECONDS), gauge!(names::RESIDENT_BYTES));
    let (open, open_max) = (gauge!(names::OPEN_FILES), gauge!(names::OPEN_FILES_MAX));
    let disk_free = gauge!(names::DISK_FREE_BYTES);
    move || {
        let process = platform::process_figures();
        cpu.absolute(u64::try_from(process.cpu.as_millis()).unwrap_or(u64::MAX));
        resident.set(process.resident_bytes as f64);
        open.set(process.descriptors as f64);
        open_max.set(process.descriptors_max.map_or(f64::INFINITY, |max| max as f64));
        disk_free.set(platform::free_bytes(&data_dir).map_or(f64::NAN, |bytes| bytes as f64));
        exporter.render()
    }
}

/// Lets go of the series of what is gone, away from the data path, for as long as the process lives.
fn keep_up(exporter: Exporter) -> io::Result<()> {
    let sweep = move || {
        loop {
            thread::sleep(limits::SERIES_SWEEP);
            exporter.sweep();
        }
    };
    thread::Builder::new().name("metrics".into()).spawn(sweep).map(drop)
}

async fn serve(
    config: &Config,
    data: TcpListener,
    readiness: Readiness,
    (stop, stopping): (net::ShutdownTrigger, net::Shutdown),
    running: Rc<OnceCell<Store>>,
    desk: Option<Desk>,
) -> Result<(), ServerError> {
    let listener = tokio::net::TcpListener::from_std(data)?;
    let parts = Parts::open(config).await?;
    running.get_or_init(|| parts.store.clone());
    let tls = tls(config)?;
    announce(config, &listener, &parts.store)?;
    if let Some(desk) = desk {
        spawn_local(desk.run(facts(config, listener.local_addr()?, &parts.store), parts.rooms()));
    }
    let outgoing = Rc::new(net::Outgoing::new());
    spawn_local(parts.clone().maintain(Rc::clone(&outgoing), readiness.clone()));
    let transitions = parts.control.clone();
    spawn_local(async move { transitions.run_transitions().await });
    spawn_local(parts.context.clone().run_scaling());
    readiness.ready();

    // After the hub, which has its subscribers' events posted.
    parts.store.add_tap(outgoing.clone());
    let accepting = net::serve(listener, tls, parts.service, stopping, outgoing);
    let hub = parts.hub;
    let draining = async {
        asked_to_stop().await?;
        tracing::info!("stopping: no new connections, subscriptions end, everything goes to its segments");
        readiness.not_ready("stopping");
        stop.begin();
        hub.shut_down();
        Ok::<_, io::Error>(())
    };
    let ((), drained) = tokio::join!(accepting, draining);
    drained?;
    parts.store.stop_scrubbing();
    parts.store.flush(FLUSH_PATIENCE).await;
    Ok(())
}

/// The rooms, running.
#[derive(Clone)]
struct Parts {
    store: Store,
    hub: Rc<Hub>,
    control: Rc<Control>,
    context: Rc<Context>,
    service: Rc<Service>,
}

impl Parts {
    /// What the console's questions are answered from.
    fn rooms(&self) -> Rooms {
        Rooms {
            control: self.control.clone(),
            hub: self.hub.clone(),
            store: self.store.clone(),
            service: self.service.clone(),
        }
    }

    async fn open(config: &Config) -> Result<Self, ServerError> {
        let clock = Clock::system();
        let disk = platform::open(&config.data_dir, config.io)
            .map_err(|error| ServerError::DataDir { dir: config.data_dir.display().to_string(), error })?;
        let (durability, tail_bytes) = (config.durability, config.tail_bytes);
        let settings = Settings { durability, tail_bytes, sizes: Sizes::default() };
        let opening = clock.now();
        let mut engine = Engine::open(disk, settings)?;
        gauge!(names::RECOVERY_SECONDS).set(clock.now().since(opening).as_secs_f64());
        engine.set_scrub_rate(config.scrub_bytes_per_sec, clock.now());
        engine.set_data_bytes_max(config.data_max_bytes);
        let store = Store::new(engine, clock.clone());
        let running = store.clone();
        // Unconstrained: the runtime would cut short a commit's pushes after 128 sockets.
        spawn_local(unconstrained(async move {
            if let Err(error) = running.run().await {
                tracing::error!(%error, "cannot wait for the disk any more");
            }
        }));
        let quotas = config.quotas();
        let lifetime = config.subscription_lifetime();
        let hub = Hub::new(store.clone(), clock.clone(), HubSettings { quotas, lifetime });
        let control =
            Control::open(store.clone(), hub.clone(), clock.clone(), config.transition_millis).await?;
        let identity = Identity { account: config.account.clone(), region: config.region.clone() };
        let context = Context::new(
            identity,
            clock,
            store.clone(),
            hub.clone(),
            control.clone(),
            quotas,
            config.scaling(),
        );
        let service = Service::new(context.clone(), config.access_keys.iter().cloned().collect());
        Ok(Self { store, hub, control, context, service })
    }

    /// Trims what is past retention and tells whether the log still takes writes, and how things are.
    async fn maintain(self, outgoing: Rc<net::Outgoing>, readiness: Readiness) {
        let unsent = gauge!(names::UNSENT_BYTES);
        let mut tick = tokio::time::interval(MAINTENANCE);
        let mut refused = false;
        loop {
            tick.tick().await;
            self.context.maintain();
            unsent.set((self.hub.held_bytes() + outgoing.unsent_bytes()) as f64);
            self.store.engine().account_data();
            let reason = self.store.engine().refuses();
            match reason {
                Some(reason) => readiness.not_ready(reason),
                None if refused => readiness.ready(),
                None => {}
            }
            refused = reason.is_some();
        }
    }
}

/// The console, and the desk by which this thread answers it; none if it is off.
fn console(
    config: &Config,
    exporter: &Exporter,
    readiness: &Readiness,
) -> (Option<Arc<Console>>, Option<Desk>) {
    let Some(access) = config.console_access() else { return (None, None) };
    let (exporter, hosts, readiness) = (exporter.clone(), config.console_host.clone(), readiness.clone());
    let why_not_ready = Box::new(move || readiness.why_not());
    let (console, desk) = console::console(console::Settings { access, hosts, exporter, why_not_ready });
    (Some(console), Some(desk))
}

/// What the page's head tells.
fn facts(config: &Config, listen: SocketAddr, store: &Store) -> Facts {
    let scheme = if config.serves_tls() { "https" } else { "http" };
    Facts {
        version: env!("CARGO_PKG_VERSION"),
        endpoint: format!("{scheme}://{listen}"),
        admin: format!("http://{}", config.admin_listen),
        data_dir: config.data_dir.display().to_string(),
        durability: config.durability.as_str(),
        backend: store.engine().disk_name(),
        limits: config.limits_text(),
        region: config.region.clone(),
        account: config.account.clone(),
        subscription_secs: config.subscription_secs,
        started_ms: Clock::system().wall().as_millis(),
    }
}

fn tls(config: &Config) -> Result<Option<Tls>, ServerError> {
    let tls = match (&config.tls_cert, &config.tls_key) {
        (Some(certificate), Some(key)) => Tls::from_pem_files(certificate, key)?,
        _ if config.tls_self_signed => {
            let made = SelfSigned::kept_in(&config.data_dir.join("tls"))?;
            println!("self-signed certificate: {}", made.certificate.display());
            made.tls
        }
        _ => return Ok(None),
    };
    Ok(Some(if config.plain_too { tls.allow_plain() } else { tls }))
}

/// The start-up line: everything an operator has to know that is easily assumed wrongly.
fn announce(config: &Config, listener: &tokio::net::TcpListener, store: &Store) -> io::Result<()> {
    let scheme = if config.serves_tls() { "https" } else { "http" };
    let backend = store.engine().disk_name();
    let durability = config.durability.as_str();
    gauge!(names::DURABILITY_MODE, "mode" => durability, "backend" => backend).set(1.0);
    println!(
        "fanlight {} serving {scheme}://{} (admin http://{}), data in {}, durability {durability}, I/O {backend}, \
         limits {}",
        env!("CARGO_PKG_VERSION"),
        listener.local_addr()?,
        config.admin_listen,
        config.data_dir.display(),
        config.limits_text()
    );
    Ok(())
}

async fn asked_to_stop() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
