//! The ARNs of streams and their consumers, and the names inside them.

use std::fmt;

/// Characters of a stream's, consumer's, queue's or channel's name.
const NAME_CHARS_MAX: usize = 128;
/// Digits of an account id.
const ACCOUNT_DIGITS: usize = 12;

/// Whether `name` may name a stream or consumer: 1 to 128 of `[a-zA-Z0-9_.-]`.
pub fn is_valid_name(name: &str) -> bool {
    name.len() <= NAME_CHARS_MAX && consists_of_name_characters(name)
}

/// Whether `text` matches `[a-zA-Z0-9_.-]+`.
pub fn consists_of_name_characters(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// The fields of any Kinesis ARN: `arn:{partition}:kinesis:{region}:{account}:{resource}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArnFields<'a> {
    /// `aws`, `aws-cn`, ...
    pub partition: &'a str,
    /// The region's name; may be empty.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
    /// What comes after the account: `stream/...`, `queue/...`.
    pub resource: &'a str,
}

impl<'a> ArnFields<'a> {
    /// Takes an ARN apart; `None` unless it is of this service, an `aws*` partition and a 12-digit account.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.splitn(6, ':');
        let mut next = || fields.next();
        let (arn, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        let whole =
            arn == "arn" && partition.starts_with("aws") && service == "kinesis" && is_account(account);
        whole.then_some(Self { partition, region, account, resource })
    }
}

/// Whether a text is an account's number.
pub fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `arn:aws:kinesis:{region}:{account}:stream/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamArn {
    /// `aws`, `aws-cn`, ...
    pub partition: String,
    /// The region's name.
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// The stream's name.
    pub name: String,
}

impl StreamArn {
    /// The ARN of a stream in the `aws` partition.
    pub fn new(region: &str, account: &str, name: &str) -> Self {
        Self { partition: "aws".into(), region: region.into(), account: account.into(), name: name.into() }
    }

    /// Reads a stream's ARN.
    pub fn parse(text: &str) -> Option<Self> {
        let fields = ArnFields::parse(text)?;
        Self::named(&fields, fields.resource.strip_prefix("stream/")?)
    }

    fn named(fields: &ArnFields<'_>, name: &str) -> Option<Self> {
        let partition = fields.partition.into();
        is_valid_name(name).then(|| Self { partition, ..Self::new(fields.region, fields.account, name) })
    }
}

impl fmt::Display for StreamArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, name } = self;
        write!(f, "arn:{partition}:kinesis:{region}:{account}:stream/{name}")
    }
}

/// `{stream ARN}/consumer/{name}:{creation, epoch seconds}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerArn {
    /// The stream consumed.
    pub stream: StreamArn,
    /// The consumer's name.
    pub name: String,
    /// When it was registered: tells consumers of one name apart.
    pub created_secs: u64,
}

impl ConsumerArn {
    /// Reads a consumer's ARN.
    pub fn parse(text: &str) -> Option<Self> {
        let fields = ArnFields::parse(text)?;
        let (stream, consumer) = fields.resource.strip_prefix("stream/")?.split_once("/consumer/")?;
        let (name, created) = consumer.split_once(':')?;
        let digits = created.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || !is_valid_name(name) {
            return None;
        }
        let stream = StreamArn::named(&fields, stream)?;
        Some(Self { stream, name: name.into(), created_secs: created.parse().ok()? })
    }
}

impl fmt::Display for ConsumerArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/consumer/{}:{}", self.stream, self.name, self.created_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders.v1_a-b";

    #[test]
    fn stream_arns_read_back() {
        let arn = StreamArn::new("eu-west-1", "123456789012", "orders.v1_a-b");
        assert_eq!(arn.to_string(), STREAM);
        assert_eq!(StreamArn::parse(STREAM), Some(arn));
        let elsewhere = "arn:aws-us-gov:kinesis:us-gov-west-1:000000000000:stream/s";
        assert_eq!(StreamArn::parse(elsewhere).unwrap().to_string(), elsewhere);
    }

    #[test]
    fn consumer_arns_read_back() {
        let text = format!("{STREAM}/consumer/app:1774401121");
        let arn = ConsumerArn::parse(&text).unwrap();
        assert_eq!((arn.name.as_str(), arn.created_secs), ("app", 1_774_401_121));
        assert_eq!((arn.stream.to_string(), arn.to_string()), (STREAM.to_owned(), text));
    }

    #[test]
    fn other_texts_are_no_stream_arns() {
        for text in [
            "",
            "orders",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/a b",
            "arn:aws:kinesis:eu-west-1:123456789012:queue/a",
            "arn:aws:kinesis:eu-west-1:12345678901:stream/a",
            "arn:aws:kinesis:eu-west-1:12345678901x:stream/a",
            "arn:aws:sqs:eu-west-1:123456789012:stream/a",
            "arn:gcp:kinesis:eu-west-1:123456789012:stream/a",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/a/consumer/b:1",
        ] {
            assert_eq!(StreamArn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_consumer_arns() {
        for end in
            ["", "/consumer/", "/consumer/a", "/consumer/a:", "/consumer/a:+1", "/consumer/:1", "/x/a:1"]
        {
            assert_eq!(ConsumerArn::parse(&format!("{STREAM}{end}")), None, "{end}");
        }
    }

    #[test]
    fn names_have_bounds() {
        assert!(is_valid_name(&"a".repeat(128)));
        assert!(!is_valid_name(&"a".repeat(129)));
        assert!(!is_valid_name(""));
        assert!(!is_valid_name("naïve"));
    }
}
