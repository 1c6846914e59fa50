//! A registered consumer of a stream.

use std::collections::BTreeMap;

use crate::types::Timestamp;

/// `Creating → Active → Deleting →` gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerStatus {
    /// Registered, may not subscribe yet.
    Creating,
    /// May subscribe.
    Active,
    /// Deregistered, not yet gone.
    Deleting,
}

impl ConsumerStatus {
    /// The service's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Deleting => "DELETING",
        }
    }
}

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its name, unique within the stream.
    pub name: String,
    /// Unique in the data directory: a name registered again is another consumer.
    pub id: u64,
    /// When it was registered; the seconds are part of its ARN.
    pub created: Timestamp,
    /// Where it is in its life.
    pub status: ConsumerStatus,
    /// When it entered that status.
    pub since: Timestamp,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// Who may use it, as the user has put it.
    pub policy: Option<String>,
}
