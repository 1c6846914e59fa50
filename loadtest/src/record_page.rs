//! Reads the JSON of a push event or a GetRecords reply in one pass, handing out each record where it lies.
//!
//! A general parser would build a tree per record; at a million deliveries a second the tool would then
//! measure itself. Member order is free, unknown members are skipped, escaped strings are understood.

use std::borrow::Cow;

use memchr::memchr2;

/// Deepest nesting of a skipped value.
const MAX_DEPTH: u32 = 16;

/// One record as the service wrote it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// The payload, still base64.
    pub(crate) data: Cow<'a, [u8]>,
    /// Its partition key.
    pub(crate) partition_key: Cow<'a, [u8]>,
    /// Its sequence number, decimal.
    pub(crate) sequence_number: Cow<'a, [u8]>,
}

/// What surrounds the records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page<'a> {
    /// Where a push subscription resumes.
    pub(crate) continuation: Option<Cow<'a, [u8]>>,
    /// Where a pull reader goes on.
    pub(crate) next_iterator: Option<Cow<'a, [u8]>>,
    /// The shard is at its end.
    pub(crate) has_children: bool,
}

/// Reads a page; `None` if it is not the JSON it should be.
pub(crate) fn read_page<'a>(body: &'a [u8], mut each: impl FnMut(Entry<'a>)) -> Option<Page<'a>> {
    let mut scanner = Scanner { bytes: body, at: 0 };
    let mut page = Page::default();
    scanner.object(|scanner, key| {
        match key {
            b"ContinuationSequenceNumber" => page.continuation = scanner.nullable_string()?,
            b"NextShardIterator" => page.next_iterator = scanner.nullable_string()?,
            b"ChildShards" => page.has_children = scanner.skip(0)? > 2,
            b"Records" => scanner.array(|scanner| {
                each(scanner.entry()?);
                Some(())
            })?,
            _ => drop(scanner.skip(0)?),
        }
        Some(())
    })?;
    scanner.space();
    (scanner.at == body.len()).then_some(page)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn entry(&mut self) -> Option<Entry<'a>> {
        let (mut entry, mut members) = (Entry::default(), 0);
        self.object(|scanner, key| {
            let field = match key {
                b"Data" => &mut entry.data,
                b"PartitionKey" => &mut entry.partition_key,
                b"SequenceNumber" => &mut entry.sequence_number,
                _ => return scanner.skip(0).map(drop),
            };
            *field = scanner.string()?;
            members += 1;
            Some(())
        })?;
        (members == 3).then_some(entry)
    }

    fn object(&mut self, mut member: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Some(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            member(self, &key)?;
            if !self.take(b',') {
                return self.expect(b'}');
            }
        }
    }

    fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.take(b']') {
            return Some(());
        }
        loop {
            element(self)?;
            if !self.take(b',') {
                return self.expect(b']');
            }
        }
    }

    fn nullable_string(&mut self) -> Option<Option<Cow<'a, [u8]>>> {
        self.space();
        if self.bytes[self.at..].starts_with(b"null") {
            self.at += 4;
            return Some(None);
        }
        self.string().map(Some)
    }

    fn string(&mut self) -> Option<Cow<'a, [u8]>> {
        self.expect(b'"')?;
        let start = self.at;
        let (mut end, mut escaped) = (start, false);
        loop {
            end += memchr2(b'"', b'\\', &self.bytes[end..])?;
            if self.bytes[end] == b'"' {
                break;
            }
            escaped = true;
            end = Some(end + 2).filter(|end| *end <= self.bytes.len())?;
        }
        self.at = end + 1;
        if !escaped {
            return Some(Cow::Borrowed(&self.bytes[start..end]));
        }
        let text: String = serde_json::from_slice(&self.bytes[start - 1..=end]).ok()?;
        Some(Cow::Owned(text.into_bytes()))
    }

    /// Steps over any value and says how many bytes it took.
    fn skip(&mut self, depth: u32) -> Option<usize> {
        self.space();
        let start = self.at;
        match self.bytes.get(self.at)? {
            b'"' => drop(self.string()?),
            b'{' if depth < MAX_DEPTH => self.object(|scanner, _| scanner.skip(depth + 1).map(drop))?,
            b'[' if depth < MAX_DEPTH => self.array(|scanner| scanner.skip(depth + 1).map(drop))?,
            b'{' | b'[' => return None,
            _ => {
                let scalar = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
                let size =
                    self.bytes[start..].iter().position(|b| !scalar(b)).unwrap_or(self.bytes.len() - start);
                self.at += Some(size).filter(|size| *size > 0)?;
            }
        }
        Some(self.at - start)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<(Page<'_>, Vec<Entry<'_>>)> {
        let mut entries = Vec::new();
        read_page(body.as_bytes(), |entry| entries.push(entry)).map(|page| (page, entries))
    }

    #[test]
    fn records_are_read_in_any_member_order_and_spacing() {
        let body = r#" {"MillisBehindLatest":0, "Records":[
            {"ApproximateArrivalTimestamp":1.5E9,"Data":"QUJD","PartitionKey":"p\"\u00e9","SequenceNumber":"49"},
            {"SequenceNumber":"50","More":{"a":[1,{"b":null}]},"PartitionKey":"q","Data":"RA=="}],
            "ContinuationSequenceNumber":"51","ChildShards":[]} "#;
        let (page, entries) = read(body).unwrap();
        assert_eq!(page.continuation.as_deref(), Some(&b"51"[..]));
        assert!(!page.has_children);
        assert_eq!(entries.len(), 2);
        assert_eq!(&*entries[0].partition_key, "p\"é".as_bytes());
        assert_eq!((&*entries[1].data, &*entries[1].sequence_number), (&b"RA=="[..], &b"50"[..]));
    }

    #[test]
    fn the_end_of_a_shard_shows() {
        let (page, _) =
            read(r#"{"ChildShards":[{"ShardId":"s"}],"NextShardIterator":null,"Records":[]}"#).unwrap();
        assert!(page.has_children && page.next_iterator.is_none() && page.continuation.is_none());
    }

    #[test]
    fn broken_json_is_refused() {
        for body in ["", "{", "{}x", r#"{"Records":[{}]}"#, r#"{"Records":["#, r#"{"a":"\"#, r#"{"a":}"#] {
            assert!(read(body).is_none(), "{body}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(99), "]".repeat(99));
        assert!(read(&deep).is_none());
    }
}
