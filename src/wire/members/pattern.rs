//! The patterns of string members, matched by hand, each with the text errors print for it.

use crate::types::arn::{ArnFields, consists_of_name_characters};
use crate::types::hash_key::is_decimal;

/// What a string must look like, end to end.
#[derive(Clone, Copy, Debug)]
pub enum Pattern {
    /// Names, and ids of shards.
    Name,
    /// An explicit hash key; may still be too large.
    HashKey,
    /// A sequence number; may still be of no known layout.
    SequenceNumber,
    /// The ARN of a stream.
    StreamArn,
    /// The ARN of a stream's consumer.
    ConsumerArn,
    /// The ARN of a queue.
    QueueArn,
    /// The ARN of a channel.
    ChannelArn,
    /// The ARN of anything that has tags or a policy.
    ResourceArn,
    /// Some other pattern: what errors print, and what matches.
    Other(&'static str, fn(&str) -> bool),
}

impl Pattern {
    /// The pattern as errors print it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Name => "[a-zA-Z0-9_.-]+",
            Self::HashKey => r"0|([1-9]\d{0,38})",
            Self::SequenceNumber => r"0|([1-9]\d{0,128})",
            Self::StreamArn => r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+",
            Self::ConsumerArn => {
                r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+"
            }
            Self::QueueArn => r"arn:aws.*:kinesis:.*:\d{12}:queue/\S+",
            Self::ChannelArn => r"arn:aws.*:kinesis:.*:\d{12}:channel/\S+",
            Self::ResourceArn => r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+",
            Self::Other(text, _) => text,
        }
    }

    /// Whether all of `text` matches. ARNs are taken apart at their colons, so a colon inside the partition
    /// or the region, which the printed `.*` would let pass, does not match.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Name => consists_of_name_characters(text),
            Self::HashKey => is_decimal(text, 39),
            Self::SequenceNumber => is_decimal(text, 129),
            Self::StreamArn => resource(text).is_some_and(|resource| is_one_of(resource, &["stream/"])),
            Self::ConsumerArn => resource(text).is_some_and(is_consumer),
            Self::QueueArn => resource(text).is_some_and(|resource| is_one_of(resource, &["queue/"])),
            Self::ChannelArn => resource(text).is_some_and(|resource| is_one_of(resource, &["channel/"])),
            Self::ResourceArn => {
                resource(text).is_some_and(|resource| is_one_of(resource, &["stream/", "channel/", "queue/"]))
            }
            Self::Other(_, matches) => matches(text),
        }
    }
}

fn resource(arn: &str) -> Option<&str> {
    ArnFields::parse(arn).map(|fields| fields.resource)
}

/// One of the kinds, then at least one character, none of them white space: of ASCII's, as `\S` has it.
fn is_one_of(resource: &str, kinds: &[&str]) -> bool {
    let id = kinds.iter().find_map(|kind| resource.strip_prefix(kind));
    id.is_some_and(|id| !id.is_empty() && !id.contains(|char| matches!(char, ' ' | '\t'..='\r')))
}

/// `stream/{name}/consumer/{name}:{digits}`.
fn is_consumer(resource: &str) -> bool {
    let parts = || {
        let (stream, consumer) = resource.strip_prefix("stream/")?.split_once("/consumer/")?;
        let (consumer, created) = consumer.split_once(':')?;
        Some((stream, consumer, created))
    };
    parts().is_some_and(|(stream, consumer, created)| {
        let digits = !created.is_empty() && created.bytes().all(|byte| byte.is_ascii_digit());
        digits && consists_of_name_characters(stream) && consists_of_name_characters(consumer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "arn:aws:kinesis:eu-west-1:123456789012:";

    #[test]
    fn plain_patterns() {
        for (pattern, good, bad) in [
            (Pattern::Name, vec!["a", "a.B_c-9"], vec!["", "a b", "ä", "a/b"]),
            (Pattern::HashKey, vec!["0", "9", &"9".repeat(39)], vec!["", "00", "-1", "1x"]),
            (Pattern::SequenceNumber, vec!["0", &"9".repeat(129)], vec!["", "01", "-1", "1.0"]),
        ] {
            for text in good {
                assert!(pattern.matches(text), "{pattern:?} {text}");
            }
            for text in bad {
                assert!(!pattern.matches(text), "{pattern:?} {text}");
            }
        }
        assert!(!Pattern::HashKey.matches(&"9".repeat(40)));
        assert!(!Pattern::SequenceNumber.matches(&"9".repeat(130)));
        assert!(Pattern::Other("x+", |text| text.starts_with('x')).matches("xx"));
    }

    #[test]
    fn arn_patterns() {
        for (pattern, resource) in [
            (Pattern::StreamArn, "stream/a"),
            (Pattern::QueueArn, "queue/a1"),
            (Pattern::ChannelArn, "channel/a-1"),
            (Pattern::ConsumerArn, "stream/a/consumer/b:17"),
            (Pattern::ResourceArn, "stream/a/consumer/b:17"),
            (Pattern::ResourceArn, "queue/a1"),
        ] {
            assert!(pattern.matches(&format!("{ACCOUNT}{resource}")), "{pattern:?} {resource}");
            assert!(!pattern.matches(resource) && !pattern.matches(&format!("{ACCOUNT}{resource} x")));
            assert!(!pattern.matches(ACCOUNT) && !pattern.matches(&format!("{ACCOUNT}shelf/a")));
        }
        assert!(!Pattern::ConsumerArn.matches(&format!("{ACCOUNT}stream/a/consumer/b")));
        assert!(Pattern::StreamArn.matches(&format!("{ACCOUNT}stream/a\u{a0}")));
        assert!(!Pattern::StreamArn.matches("arn:aws:kinesis:eu-west-1:1234:stream/a"));
    }
}
