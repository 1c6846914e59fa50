//! One record as clients see it, in either encoding: written straight from its bytes, and its length told
//! before. Pages and pushed events are made of these.

use crate::types::{SEQUENCE_NUMBER_DIGITS, Timestamp};

use super::codec::Codec;
use super::{cbor, json};

const ARRIVAL: &str = "ApproximateArrivalTimestamp";
const DATA: &str = "Data";
const ENCRYPTION_TYPE: &str = "EncryptionType";
const KMS: &str = "KMS";
const PARTITION_KEY: &str = "PartitionKey";
const SEQUENCE_NUMBER: &str = "SequenceNumber";

/// A record's members.
#[derive(Clone, Copy, Debug)]
pub struct RecordMembers<'a> {
    /// When the server took it: in JSON seconds with three decimals, in CBOR milliseconds under tag 1.
    pub arrival: Timestamp,
    /// Payload: in JSON base64.
    pub data: &'a [u8],
    /// Written while its stream was encrypted: only then the type of encryption is told.
    pub is_encrypted: bool,
    /// UTF-8, unless it was written without one.
    pub partition_key: Option<&'a [u8]>,
    /// All its digits.
    pub sequence_number: [u8; SEQUENCE_NUMBER_DIGITS],
}

impl RecordMembers<'_> {
    /// Appends the structure.
    pub fn encode(&self, codec: Codec, out: &mut Vec<u8>) {
        match codec {
            Codec::Json => self.encode_json(out),
            Codec::Cbor => self.encode_cbor(out),
        }
    }

    /// Bytes [`Self::encode`] appends.
    pub fn encoded_len(&self, codec: Codec) -> usize {
        match codec {
            Codec::Json => self.json_len(),
            Codec::Cbor => self.cbor_len(),
        }
    }

    fn encode_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"ApproximateArrivalTimestamp":"#);
        json::encode_millis(self.arrival.as_millis(), out);
        out.extend_from_slice(br#","Data":""#);
        base64_simd::STANDARD.encode_append(self.data, out);
        out.extend_from_slice(if self.is_encrypted {
            &br#"","EncryptionType":"KMS""#[..]
        } else {
            &b"\""[..]
        });
        if let Some(key) = self.partition_key {
            out.extend_from_slice(br#","PartitionKey":"#);
            json::encode_utf8(key, out);
        }
        out.extend_from_slice(br#","SequenceNumber":""#);
        out.extend_from_slice(&self.sequence_number);
        out.extend_from_slice(br#""}"#);
    }

    fn json_len(&self) -> usize {
        /// Braces, and around each name and value: quotes, colons, commas.
        const MARKS: usize = 2 + 3 * 3 + 2 + 2 * 2;
        /// The same of one more member.
        const MARKS_OF_ONE: usize = 3 + 1;
        let names = ARRIVAL.len() + DATA.len() + SEQUENCE_NUMBER.len();
        let data = base64_simd::STANDARD.encoded_length(self.data.len());
        let arrival = json::millis_len(self.arrival.as_millis());
        let encryption = MARKS_OF_ONE + ENCRYPTION_TYPE.len() + 2 + KMS.len();
        let key = |key| MARKS_OF_ONE + PARTITION_KEY.len() + json::utf8_len(key);
        let optional = usize::from(self.is_encrypted) * encryption + self.partition_key.map_or(0, key);
        MARKS + names + arrival + data + optional + SEQUENCE_NUMBER_DIGITS
    }

    fn encode_cbor(&self, out: &mut Vec<u8>) {
        cbor::header(cbor::MAP, self.member_count(), out);
        cbor::encode_string(cbor::TEXT, ARRIVAL.as_bytes(), out);
        cbor::header(cbor::TAG, cbor::TAG_EPOCH_TIME, out);
        cbor::header(cbor::UNSIGNED, self.arrival.as_millis(), out);
        cbor::encode_string(cbor::TEXT, DATA.as_bytes(), out);
        cbor::encode_string(cbor::BYTES, self.data, out);
        if self.is_encrypted {
            cbor::encode_string(cbor::TEXT, ENCRYPTION_TYPE.as_bytes(), out);
            cbor::encode_string(cbor::TEXT, KMS.as_bytes(), out);
        }
        if let Some(key) = self.partition_key {
            cbor::encode_string(cbor::TEXT, PARTITION_KEY.as_bytes(), out);
            cbor::encode_string(cbor::TEXT, key, out);
        }
        cbor::encode_string(cbor::TEXT, SEQUENCE_NUMBER.as_bytes(), out);
        cbor::encode_string(cbor::TEXT, &self.sequence_number, out);
    }

    fn cbor_len(&self) -> usize {
        let names = [ARRIVAL, DATA, SEQUENCE_NUMBER];
        let names: usize = names.iter().map(|name| cbor::string_len(name.len())).sum();
        let values = cbor::string_len(self.data.len()) + cbor::string_len(SEQUENCE_NUMBER_DIGITS);
        let arrival = cbor::header_len(cbor::TAG_EPOCH_TIME) + cbor::header_len(self.arrival.as_millis());
        let encryption = cbor::string_len(ENCRYPTION_TYPE.len()) + cbor::string_len(KMS.len());
        let key = |key: &[u8]| cbor::string_len(PARTITION_KEY.len()) + cbor::string_len(key.len());
        let optional = usize::from(self.is_encrypted) * encryption + self.partition_key.map_or(0, key);
        cbor::header_len(self.member_count()) + names + values + arrival + optional
    }

    fn member_count(&self) -> u64 {
        3 + u64::from(self.is_encrypted) + u64::from(self.partition_key.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Value;

    const NUMBER: [u8; SEQUENCE_NUMBER_DIGITS] = [b'7'; SEQUENCE_NUMBER_DIGITS];

    fn members<'a>(arrival: u64, data: &'a [u8], key: Option<&'a str>) -> RecordMembers<'a> {
        let (arrival, partition_key) = (Timestamp::from_millis(arrival), key.map(str::as_bytes));
        RecordMembers { arrival, data, is_encrypted: false, partition_key, sequence_number: NUMBER }
    }

    #[test]
    fn what_is_written_is_as_long_as_was_said_and_reads_back() {
        let large = vec![0xa5; 70_000];
        let data = [&b""[..], b"a", b"ab", b"abc", &large[..255], &large[..256], &large];
        let keys = ["", "k", "schl\u{fc}ssel \"1\"\\\n\u{1}", "012345678901234567890123456789"];
        let keys = keys.map(Some).into_iter().chain([None]);
        for codec in [Codec::Json, Codec::Cbor] {
            for (data, key) in data.iter().flat_map(|data| keys.clone().map(move |key| (data, key))) {
                for arrival in [0, 7, 23, 999, 1000, 65_536, 1_777_319_300_007, 1 << 45] {
                    let is_encrypted = arrival % 2 == 1;
                    let members = RecordMembers { is_encrypted, ..members(arrival, data, key) };
                    let mut out = b"before".to_vec();
                    members.encode(codec, &mut out);
                    let text = bytes::Bytes::from(out).slice(6..);
                    assert_eq!(text.len(), members.encoded_len(codec), "{codec:?} {key:?} {arrival}");
                    let value = codec.decode(&text).expect("it parses");
                    assert_eq!(value.get(PARTITION_KEY).and_then(Value::as_text), key);
                    let encryption = value.get(ENCRYPTION_TYPE).and_then(Value::as_text);
                    assert_eq!(encryption, is_encrypted.then_some(KMS));
                    let number = value.get(SEQUENCE_NUMBER).and_then(Value::as_text);
                    assert_eq!(number.map(str::as_bytes), Some(&NUMBER[..]));
                }
            }
        }
    }

    #[test]
    fn json_has_seconds_and_base64_and_cbor_has_millis_and_bytes() {
        let members = members(1_777_319_300_007, b"payload", Some("k"));
        let (mut json, mut cbor) = (Vec::new(), Vec::new());
        members.encode(Codec::Json, &mut json);
        members.encode(Codec::Cbor, &mut cbor);
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!((&json[DATA], &json[ARRIVAL]), (&"cGF5bG9hZA==".into(), &1_777_319_300.007.into()));
        let cbor = bytes::Bytes::from(cbor);
        let value = Codec::Cbor.decode(&cbor).unwrap();
        assert_eq!(value.get(DATA), Some(&Value::Blob(bytes::Bytes::from_static(b"payload"))));
        assert_eq!(value.get(ARRIVAL), Some(&Value::Timestamp(1_777_319_300_007)));
    }
}
