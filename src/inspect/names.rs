//! Whose records a log holds, by the catalog's own log: its commands applied one after another.

use crate::catalog::{Catalog, Command, Shard, Stream};
use crate::shard_log::Batch;
use crate::types::LogId;

use super::Damage;
use super::visit::Place;

/// The catalog as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) catalog: Catalog,
    pub(super) commands: u64,
    /// A command was missing or did not apply: what follows is not believed.
    pub(super) is_broken: bool,
}

impl Names {
    /// Applies the commands of one batch of the catalog's log; tells what is wrong with the first that does
    /// not apply.
    pub(super) fn take(&mut self, place: Place<'_>, batch: &Batch) -> Option<Damage> {
        if batch.log() != LogId::CATALOG || place.is_repeated || self.is_broken {
            return None;
        }
        for record in batch.records() {
            let applied = serde_json::from_slice::<Command>(&record.data)
                .map_err(|error| error.to_string())
                .and_then(|command| self.catalog.apply(&command).map_err(|rejection| rejection.to_string()));
            if let Err(error) = applied {
                self.is_broken = true;
                let what =
                    format!("the catalog's command at offset {} does not apply: {error}", record.offset);
                return Some(Damage::new(place.file, place.at, what, "the server does not start"));
            }
            self.commands += 1;
        }
        None
    }

    /// The stream and shard a log belongs to.
    pub(super) fn shard(&self, log: LogId) -> Option<(&Stream, &Shard)> {
        let address = self.catalog.address(log)?;
        let stream = self.catalog.stream(&address.stream)?;
        Some((stream, stream.shard(address.shard)?))
    }

    /// How a log is called where people read it.
    pub(super) fn text(&self, log: LogId) -> String {
        match self.catalog.address(log) {
            Some(address) => format!("{}/{}", address.stream, address.shard),
            None if log == LogId::CATALOG => "catalog".to_owned(),
            None => format!("log {log} of no shard"),
        }
    }
}
