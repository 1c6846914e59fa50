//! Why a verb did not do what it was asked, what the user can do next, and the exit status that says so.

use std::fmt;
use std::io;

/// The exit statuses: the service refused; nothing answered; the words of the command make no sense.
const EXIT_REFUSED: u8 = 1;
const EXIT_UNREACHABLE: u8 = 2;
const EXIT_USAGE: u8 = 64;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Failure {
    /// The service answered with an exception.
    Refused(Refusal),
    /// There was no answer, or none of a Kinesis service.
    Unreachable {
        /// What happened.
        what: String,
        /// What to try.
        hint: String,
    },
    /// The command's words make no sense together.
    Usage(String),
    /// Standard input or output failed.
    Local(io::Error),
}

/// An exception of the service.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The operation that was refused.
    pub(super) operation: &'static str,
    /// HTTP status.
    pub(super) status: u16,
    /// The exception's name.
    pub(super) code: String,
    /// The service's words.
    pub(super) message: String,
    /// What to do about it, where that is known.
    pub(super) hint: Option<String>,
}

/// What a failed command does next.
pub(super) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// Nothing of use came back.
    pub(super) fn unreachable(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Unreachable { what: what.into(), hint: hint.into() }
    }

    /// The process's exit status.
    pub(super) fn exit(&self) -> u8 {
        match self {
            // Who reads only the first lines has not met an error.
            Self::Local(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Refused(_) | Self::Local(_) => EXIT_REFUSED,
            Self::Unreachable { .. } => EXIT_UNREACHABLE,
            Self::Usage(_) => EXIT_USAGE,
        }
    }

    /// The exception's name, if the service answered with one.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.code),
            _ => None,
        }
    }

    /// Whether the same may go well a little later: the server is away, busy, or asked too often.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(refusal) => refusal.status >= 500 || refusal.is_throttle() || refusal.is_in_use(),
            Self::Usage(_) | Self::Local(_) => false,
        }
    }

    /// Adds advice to a refusal that has none yet.
    pub(super) fn advised(mut self, advice: impl FnOnce() -> Option<String>) -> Self {
        if let Self::Refused(refusal) = &mut self
            && refusal.hint.is_none()
        {
            refusal.hint = advice();
        }
        self
    }
}

impl Refusal {
    /// Whether it was asked too often, or for too much at a time.
    pub(super) fn is_throttle(&self) -> bool {
        let is_rate = self.code == "LimitExceededException" && self.message.contains("Rate exceeded");
        is_rate || self.code == "ProvisionedThroughputExceededException"
    }

    /// Whether what it is about is being changed, or held by an earlier subscription.
    fn is_in_use(&self) -> bool {
        self.code == "ResourceInUseException"
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Local(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => {
                write!(f, "{} was refused: {}", refusal.operation, refusal.code)?;
                if !refusal.message.is_empty() {
                    write!(f, ": {}", refusal.message)?;
                }
                refusal.hint.iter().try_for_each(|hint| write!(f, "\n  {hint}"))
            }
            Self::Unreachable { what, hint } => write!(f, "{what}\n  {hint}"),
            Self::Usage(what) => f.write_str(what),
            Self::Local(error) => write!(f, "cannot read or write: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str, message: &str) -> Failure {
        let (code, message) = (code.to_owned(), message.to_owned());
        Failure::Refused(Refusal { operation: "PutRecord", status, code, message, hint: None })
    }

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        assert!(refused(400, "LimitExceededException", "Rate exceeded for account").is_passing());
        assert!(!refused(400, "LimitExceededException", "more than 20 consumers").is_passing());
        assert!(refused(500, "InternalFailure", "").is_passing());
        assert!(!refused(400, "ResourceNotFoundException", "x").is_passing());
        assert!(Failure::unreachable("refused", "start one").is_passing());
    }

    #[test]
    fn each_kind_has_its_exit_status() {
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        let exits = [
            refused(400, "ValidationException", "x").exit(),
            Failure::unreachable("a", "b").exit(),
            Failure::Usage("x".into()).exit(),
            Failure::from(pipe).exit(),
        ];
        assert_eq!(exits, [1, 2, 64, 0]);
    }

    #[test]
    fn advice_stands_on_a_line_of_its_own() {
        let failure =
            refused(400, "ResourceNotFoundException", "no orders").advised(|| Some("try this".into()));
        let text = "PutRecord was refused: ResourceNotFoundException: no orders\n  try this";
        assert_eq!(failure.advised(|| Some("not that".into())).to_string(), text);
    }
}
