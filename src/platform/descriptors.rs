//! How many descriptors the process may hold. Connections take one each, and so does every shard whose
//! segment is being filled: the soft limit of most shells, 1,024, is soon too few.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one, as far as the system lets us; tells what holds now (none for no
/// limit).
pub fn raise_descriptor_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_comes_to_be_the_hard_one() {
        let Some(maximum) = getrlimit(Resource::Nofile).maximum else { return };
        let lowered = Rlimit { current: Some(maximum - 1), maximum: Some(maximum) };
        setrlimit(Resource::Nofile, lowered).unwrap();
        assert_eq!(raise_descriptor_limit(), Some(maximum));
        assert_eq!(getrlimit(Resource::Nofile).current, Some(maximum));
    }
}
