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

/// A shard that follows the one whose end this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    /// Its id.
    pub(crate) id: String,
    /// The ids of all its parents.
    pub(crate) parents: Vec<String>,
}

/// What surrounds the records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page<'a> {
    /// Where a push subscription resumes.
    pub(crate) continuation: Option<Cow<'a, [u8]>>,
    /// Where a pull reader goes on.
    pub(crate) next_iterator: Option<Cow<'a, [u8]>>,
    /// What follows the shard, which is at its end; nothing if it is not.
    pub(crate) children: Vec<Child>,
}

/// Reads a page; `None` if it is not the JSON it should be.
pub(crate) fn read_page<'a>(body: &'a [u8], mut each: impl FnMut(Entry<'a>)) -> Option<Page<'a>> {
    let mut scanner = Scanner { bytes: body, at: 0 };
    let mut page = Page::default();
    scanner.object(|scanner, key| {
        match key {
            b"ContinuationSequenceNumber" => page.continuation = scanner.nullable_string()?,
            b"NextShardIterator" => page.next_iterator = scanner.nullable_string()?,
            b"ChildShards" => scanner.nullable_array(|scanner| {
                page.children.push(scanner.child()?);
                Some(())
            })?,
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

    fn child(&mut self) -> Option<Child> {
        let (mut id, mut parents) = (None, Vec::new());
        self.object(|scanner, key| match key {
            b"ShardId" => {
                id = Some(scanner.text()?);
                Some(())
            }
            b"ParentShards" => scanner.array(|scanner| {
                parents.push(scanner.text()?);
                Some(())
            }),
            _ => scanner.skip(0).map(drop),
        })?;
        Some(Child { id: id?, parents })
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.string()?.into_owned()).ok()
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

    fn nullable_array(&mut self, element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if self.take_null() { Some(()) } else { self.array(element) }
    }

    fn nullable_string(&mut self) -> Option<Option<Cow<'a, [u8]>>> {
        if self.take_null() { Some(None) } else { self.string().map(Some) }
    }

    fn take_null(&mut self) -> bool {
        self.space();
        let found = self.bytes[self.at..].starts_with(b"null");
        self.at += if found { 4 } else { 0 };
        found
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
        assert_eq!(page.children, []);
        assert_eq!(entries.len(), 2);
        assert_eq!(&*entries[0].partition_key, "p\"é".as_bytes());
        assert_eq!((&*entries[1].data, &*entries[1].sequence_number), (&b"RA=="[..], &b"50"[..]));
    }

    #[test]
    fn the_end_of_a_shard_shows() {
        let body = r#"{"ChildShards":[{"HashKeyRange":{"StartingHashKey":"0"},"ParentShards":["a", "b"],
            "ShardId":"c"}, {"ShardId":"d","ParentShards":["a"]}],"NextShardIterator":null,"Records":[]}"#;
        let (page, _) = read(body).unwrap();
        assert!(page.next_iterator.is_none() && page.continuation.is_none());
        let child = |id: &str, parents: &[&str]| Child {
            id: id.into(),
            parents: parents.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(page.children, [child("c", &["a", "b"]), child("d", &["a"])]);
        assert_eq!(read(r#"{"ChildShards":null}"#).unwrap().0.children, []);
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
