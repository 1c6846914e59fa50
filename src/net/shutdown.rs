//! The word that the server is going down: said once, heard by every listener and connection on any thread.

use tokio::sync::watch;

/// Says the word; dropping it says it too.
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

/// Hears the word.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// A trigger and the ear that goes with it.
pub fn shutdown() -> (ShutdownTrigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (ShutdownTrigger(sender), Shutdown(receiver))
}

impl ShutdownTrigger {
    /// Begins the shutdown. Saying it twice changes nothing.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Resolves once the shutdown has begun.
    pub async fn begun(mut self) {
        // An error means that the trigger is gone, and with it the server.
        let _ = self.0.wait_for(|begun| *begun).await;
    }
}
