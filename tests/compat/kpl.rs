//! KPL puts user records, aggregated, over TLS; KCL reads them by fan-out and takes them apart again.
//!
//! One minute; `FANLIGHT_KPL_MINUTES=5` for longer.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clients::{java_program, sources};
use crate::companion::Companion;
use crate::kcl_judge::Application;
use crate::producer::{Ledger, Place};
use crate::reshard;
use crate::sheet::Sheet;
use crate::support::kinesis::Kinesis;
use crate::support::server::{Options, Server};
use crate::support::{patiently, say, tools};

const STREAM: &str = "aggregated";
const SHARDS: u32 = 2;
const RECORDS_PER_SEC: u64 = 2000;
/// For the programs to start and to end, and for what was put to be read.
const TIME_TO_START: Duration = Duration::from_secs(180);
const TIME_TO_CATCH_UP: Duration = Duration::from_secs(400);
/// What user records share a Kinesis record, on average; less would not be worth the name.
const AGGREGATION_MIN: usize = 5;

/// What KPL told.
#[derive(Default)]
struct Told {
    ledger: Ledger,
    sequences: HashSet<String>,
    troubles: Vec<String>,
    done: Option<String>,
}

impl Told {
    fn take(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        match words.as_slice() {
            ["put", shard, sequence, _attempts, _key, number, ..] => {
                let number: usize = number.parse().expect("a number");
                let places = &mut self.ledger.places;
                places.resize(places.len().max(number + 1), None);
                places[number] = Some(Place { shard: (*shard).to_owned(), sequence: (*sequence).to_owned() });
                self.sequences.insert((*sequence).to_owned());
            }
            ["done", ..] => self.done = Some(line.to_owned()),
            _ => self.troubles.push(line.to_owned()),
        }
    }
}

/// Runs it.
pub(crate) fn judge() {
    let minutes: u64 = std::env::var("FANLIGHT_KPL_MINUTES").map_or(1, |it| it.parse().expect("minutes"));
    let extra = vec!["--plain-too".to_owned()];
    let server = Server::start(Options { tls: true, extra, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create(STREAM, SHARDS);
    let companion = Companion::start();
    let application = Arc::new(Mutex::new(Application::default()));
    let taking = Arc::clone(&application);
    let mut worker = java_program("KCL", "kcl", "Worker", &server)
        .env("FANLIGHT_ENDPOINT", &format!("http://{}", server.address()))
        .env("FANLIGHT_COMPANION", &companion.endpoint())
        .env("FANLIGHT_STREAM", STREAM)
        .env("FANLIGHT_WORKER", "reader")
        .env("FANLIGHT_MODES", "fanout")
        .talk(move |line| {
            let (_, rest) = line.split_once(' ').unwrap_or_default();
            taking.lock().expect("nobody panics").take(rest);
        });

    let told = Arc::new(Mutex::new(Told::default()));
    let taking = Arc::clone(&told);
    let producer = java_program("KPL", "kpl", "Produce", &server)
        .env("FANLIGHT_STREAM", STREAM)
        .env("FANLIGHT_RATE", &RECORDS_PER_SEC.to_string())
        .env("FANLIGHT_SECS", &(60 * minutes).to_string())
        .talk(move |line| taking.lock().expect("nobody panics").take(line));
    producer.finish(Duration::from_secs(60 * minutes) + TIME_TO_START);

    let told = told.lock().expect("nobody panics");
    let has_all = || {
        assert!(!worker.has_ended(), "KCL ended:\n{}", worker.errors());
        application.lock().expect("nobody panics").has_all(&told.ledger).then_some(())
    };
    patiently(TIME_TO_CATCH_UP, "KCL to process every user record", has_all);
    worker.finish(TIME_TO_START);
    let figures = application.lock().expect("nobody panics").verdict(
        &told.ledger,
        &reshard::shards(kinesis, STREAM),
        &[],
    );
    let figures = figures.unwrap_or_else(|faults| panic!("{:#?}", &faults[..faults.len().min(10)]));
    assert!(
        told.troubles.is_empty(),
        "{}: {:#?}",
        told.troubles.len(),
        &told.troubles[..told.troubles.len().min(10)]
    );
    assert_eq!(figures.again, 0, "no worker was lost, so nothing comes twice");
    let puts = told.ledger.places.len();
    assert_eq!(told.done, Some(format!("done {puts} 0 0 0")), "puts, failures, retries, wrong shards");
    assert_eq!(told.ledger.in_doubt(), 0, "each user record has its outcome");
    let per_record = puts / told.sequences.len().max(1);
    assert!(per_record >= AGGREGATION_MIN, "{per_record} user records in a record");
    say(&format!("KPL: {puts} put, {per_record} user records in a record; KCL: {figures}"));
    told.ledger.assert_pace(RECORDS_PER_SEC, Duration::from_secs(60 * minutes));
    publish();
}

fn publish() {
    const HELD: [&str; 4] =
        ["aggregated and taken apart by KCL", "each user record once", "shards as predicted", "no retries"];
    let version = tools::pom_version(&sources("kpl").join("pom.xml"), "amazon-kinesis-producer");
    Sheet::new("KPL", &version).served("http1-tls", &HELD).publish();
}
