//! Bugs put in on purpose, to see whether the proof finds them: each hook in the code asks whether its own is
//! switched on. Without the feature `seeded-bugs` the answer is a constant and the hooks compile to nothing.

/// One mistake somebody could have made. Each says where it strikes by its name; the hooks say how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the words")]
pub enum Bug {
    AckBeforeWrite,
    FailedWriteAcked,
    CommitNotSynced,
    SegmentNotSynced,
    FailedSegmentWriteBooked,
    FailedSyncIgnored,
    FailedFileUsedAgain,
    VoidCommitReplayed,
    FullFileNotSynced,
    JournalFileReusedEarly,
    GenerationNotRenewed,
    BlockRewritten,
    TornEntryAccepted,
    BatchChecksumIgnored,
    ChecksumWithoutPosition,
    SegmentChainIgnored,
    JournalGapAccepted,
    JournalDamageTruncated,
    DamageSkipped,
    TornSegmentAccepted,
    FooterUnchecked,
    IndexOffByOne,
    TimeOffByOne,
    StaleAttemptPreferred,
    RetentionOffByOne,
    NewestSegmentTrimmed,
    RemovedNewestFirst,
    FloorIgnored,
    FloorForgotten,
    RecoveredNotSecured,
    DirectoryNotSynced,
    WriteNotSynced,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::AckBeforeWrite,
        Self::FailedWriteAcked,
        Self::CommitNotSynced,
        Self::SegmentNotSynced,
        Self::FailedSegmentWriteBooked,
        Self::FailedSyncIgnored,
        Self::FailedFileUsedAgain,
        Self::VoidCommitReplayed,
        Self::FullFileNotSynced,
        Self::JournalFileReusedEarly,
        Self::GenerationNotRenewed,
        Self::BlockRewritten,
        Self::TornEntryAccepted,
        Self::BatchChecksumIgnored,
        Self::ChecksumWithoutPosition,
        Self::SegmentChainIgnored,
        Self::JournalGapAccepted,
        Self::JournalDamageTruncated,
        Self::DamageSkipped,
        Self::TornSegmentAccepted,
        Self::FooterUnchecked,
        Self::IndexOffByOne,
        Self::TimeOffByOne,
        Self::StaleAttemptPreferred,
        Self::RetentionOffByOne,
        Self::NewestSegmentTrimmed,
        Self::RemovedNewestFirst,
        Self::FloorIgnored,
        Self::FloorForgotten,
        Self::RecoveredNotSecured,
        Self::DirectoryNotSynced,
        Self::WriteNotSynced,
    ];
}

/// Whether the bug is switched on.
#[cfg(not(feature = "seeded-bugs"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}

#[cfg(feature = "seeded-bugs")]
thread_local! {
    static ON: std::cell::Cell<Option<Bug>> = std::cell::Cell::new(from_environment());
}

/// `FANLIGHT_SEEDED_BUG` names one for a whole process.
#[cfg(feature = "seeded-bugs")]
fn from_environment() -> Option<Bug> {
    let name = std::env::var("FANLIGHT_SEEDED_BUG").ok()?;
    Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name)
}

/// Switches one on, or all off, in this thread.
#[cfg(feature = "seeded-bugs")]
pub fn switch(bug: Option<Bug>) {
    ON.set(bug);
}

/// Whether the bug is switched on.
#[cfg(feature = "seeded-bugs")]
pub(crate) fn is(bug: Bug) -> bool {
    ON.get() == Some(bug)
}
