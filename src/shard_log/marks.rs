//! What a record remembers of how it was written, whatever its stream is told later: the flags of its header.

const ENCRYPTED: u16 = 1;
const KEYLESS: u16 = 1 << 1;

/// How a record was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u16);

impl Marks {
    /// Of a record written while its stream was encrypted, or without a partition key.
    pub const fn new(encrypted: bool, keyless: bool) -> Self {
        Self(encrypted as u16 * ENCRYPTED + keyless as u16 * KEYLESS)
    }

    /// Those that a header's flags stand for, if all of them are known.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits & !(ENCRYPTED | KEYLESS) == 0 { Some(Self(bits)) } else { None }
    }

    /// As a header's flags.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Its stream was encrypted.
    pub const fn is_encrypted(self) -> bool {
        self.0 & ENCRYPTED != 0
    }

    /// It has no partition key.
    pub const fn is_keyless(self) -> bool {
        self.0 & KEYLESS != 0
    }
}
