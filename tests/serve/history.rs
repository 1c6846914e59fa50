//! Whether what clients saw of one shard can have happened: a history of calls, each with the moment it was
//! made and the moment it returned, against the log as it is read in the end. Pure; `histories` records them.

use std::collections::HashMap;

/// A record as a client knows it: its sequence number and its payload, which no other record shares.
pub(crate) type Seen = (String, String);

/// What a client did, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Put a payload; the number, if it was acknowledged.
    Put(String, Option<String>),
    /// Began to read at the tip: an iterator, or a subscription. What it brings comes under this name.
    OpenLatest(u32),
    /// Began to read at the oldest record.
    OpenOldest(u32),
    /// A page of a reader, or an event; whether it said that nothing follows.
    Page(u32, Vec<Seen>, bool),
}

/// One call. Moments are numbers of one counter.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) called: u64,
    /// None if it never returned: the server had gone.
    pub(crate) returned: Option<u64>,
    pub(crate) action: Action,
}

/// A put, and where its record stands in the log.
struct Put {
    called: u64,
    returned: Option<u64>,
    place: Option<usize>,
}

/// Judges `calls` by the log as it was read when all was over.
pub(crate) fn check(calls: &[Call], log: &[Seen]) -> Result<(), String> {
    if let Some(pair) = log.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        return Err(format!("the log is out of order: {pair:?}"));
    }
    let places: HashMap<&str, usize> =
        log.iter().enumerate().map(|(at, (_, payload))| (payload.as_str(), at)).collect();
    if places.len() < log.len() {
        return Err("a record is in the log twice".to_owned());
    }
    let puts = puts(calls, log, &places)?;
    check_order(&puts)?;
    let mut readers: HashMap<u32, Vec<&Call>> = HashMap::new();
    for call in calls {
        if let Action::OpenLatest(reader) | Action::OpenOldest(reader) | Action::Page(reader, ..) =
            call.action
        {
            readers.entry(reader).or_default().push(call);
        }
    }
    readers.iter().try_for_each(|(reader, calls)| {
        check_reader(calls, log, &puts).map_err(|what| format!("reader {reader}: {what}"))
    })
}

/// Every record was put, and every acknowledged one is there under its number.
fn puts<'c>(
    calls: &'c [Call],
    log: &[Seen],
    places: &HashMap<&str, usize>,
) -> Result<HashMap<&'c str, Put>, String> {
    let mut puts = HashMap::new();
    for Call { called, returned, action } in calls {
        let Action::Put(payload, number) = action else { continue };
        let place = places.get(payload.as_str()).copied();
        if let Some(number) = number
            && place.is_none_or(|place| log[place].0 != *number)
        {
            return Err(format!("{payload} was acknowledged as {number} and is not there"));
        }
        // Without its number a return says nothing.
        let returned = returned.filter(|_| number.is_some());
        puts.insert(payload.as_str(), Put { called: *called, returned, place });
    }
    match log.iter().find(|(_, payload)| !puts.contains_key(payload.as_str())) {
        Some(phantom) => Err(format!("{phantom:?} was never put")),
        None => Ok(puts),
    }
}

/// A put that returned before another was called comes before it in the log.
fn check_order(puts: &HashMap<&str, Put>) -> Result<(), String> {
    let mut in_log: Vec<_> = puts.values().filter_map(|put| Some((put.place?, put))).collect();
    in_log.sort_unstable_by_key(|(place, _)| *place);
    // From the back: the earliest return among all that come later.
    let mut earliest = u64::MAX;
    for (place, put) in in_log.iter().rev() {
        if put.called > earliest {
            return Err(format!("record {place} was put after one behind it had been acknowledged"));
        }
        earliest = earliest.min(put.returned.unwrap_or(u64::MAX));
    }
    Ok(())
}

/// A reader sees the log from where it began on, without a gap, and misses nothing when it says that it is at
/// the tip.
fn check_reader(calls: &[&Call], log: &[Seen], puts: &HashMap<&str, Put>) -> Result<(), String> {
    let mut next = None;
    for Call { called, returned, action } in calls {
        match action {
            Action::OpenOldest(_) => next = Some(0),
            Action::OpenLatest(_) | Action::Put(..) => {}
            Action::Page(_, records, at_tip) => {
                for record in records {
                    let place =
                        log.binary_search(record).map_err(|_| format!("{record:?} is not in the log"))?;
                    let put = &puts[record.1.as_str()];
                    if returned.is_some_and(|returned| put.called > returned) {
                        return Err(format!("{record:?} was read before it was put"));
                    }
                    match next {
                        Some(expected) if place != expected => {
                            return Err(format!("record {place} where {expected} was due"));
                        }
                        None => check_latest(calls, place, puts)?,
                        Some(_) => {}
                    }
                    next = Some(place + 1);
                }
                // Only what had been acknowledged before the question must be in the answer.
                let due = due(puts, *called);
                if *at_tip
                    && let (Some(next), Some(due)) = (next, due)
                    && next <= due
                {
                    return Err(format!("at the tip before record {next}, though {due} is acknowledged"));
                }
            }
        }
    }
    Ok(())
}

/// The last record that was acknowledged before `moment`.
fn due(puts: &HashMap<&str, Put>, moment: u64) -> Option<usize> {
    puts.values().filter(|put| put.returned.is_some_and(|at| at < moment)).filter_map(|put| put.place).max()
}

/// A reader at the tip begins behind all that was acknowledged before it asked, and at or before all that was
/// put after it had its answer.
fn check_latest(calls: &[&Call], first: usize, puts: &HashMap<&str, Put>) -> Result<(), String> {
    let Some(open) = calls.iter().find(|call| matches!(call.action, Action::OpenLatest(_))) else {
        return Ok(());
    };
    if due(puts, open.called).is_some_and(|due| due >= first) {
        return Err(format!("LATEST is stale: it brought record {first}, acknowledged before"));
    }
    let Some(opened) = open.returned else { return Ok(()) };
    let after = puts.values().filter(|put| put.called > opened).filter_map(|put| put.place).min();
    match after {
        Some(after) if after < first => Err(format!("LATEST missed record {after}, put after it")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(number: u32) -> Seen {
        (format!("{number:03}"), format!("p{number}"))
    }

    fn log(numbers: &[u32]) -> Vec<Seen> {
        numbers.iter().map(|&number| seen(number)).collect()
    }

    fn call(called: u64, returned: u64, action: Action) -> Call {
        Call { called, returned: Some(returned), action }
    }

    fn put(called: u64, returned: u64, number: u32) -> Call {
        let (sequence, payload) = seen(number);
        call(called, returned, Action::Put(payload, Some(sequence)))
    }

    fn page(called: u64, returned: u64, numbers: &[u32], at_tip: bool) -> Call {
        call(called, returned, Action::Page(7, log(numbers), at_tip))
    }

    fn refused(calls: &[Call], log: &[Seen], why: &str) {
        let what = check(calls, log).expect_err("a history that cannot be");
        assert!(what.contains(why), "{what}");
    }

    #[test]
    fn does_a_history_that_can_be_pass() {
        let lost = Call { called: 9, returned: None, action: Action::Put("p4".into(), None) };
        let calls = [
            put(1, 4, 1),
            put(2, 3, 2),
            call(5, 6, Action::OpenLatest(7)),
            put(7, 11, 3),
            page(8, 10, &[3], false),
            lost,
            page(12, 13, &[], true),
        ];
        check(&calls, &log(&[1, 2, 3])).unwrap();
        check(&calls, &log(&[1, 2, 3, 4])).unwrap();
        check(&[put(1, 2, 1), call(3, 4, Action::OpenOldest(7)), page(5, 6, &[1], true)], &log(&[1]))
            .unwrap();
    }

    #[test]
    fn are_lost_and_invented_records_refused() {
        refused(&[put(1, 2, 1), put(3, 4, 2)], &log(&[2]), "is not there");
        refused(&[put(1, 2, 1)], &log(&[1, 2]), "never put");
        refused(&[put(1, 2, 1)], &[seen(1), ("009".into(), "p1".into())], "twice");
        let elsewhere = call(1, 2, Action::Put("p1".into(), Some("005".into())));
        refused(&[elsewhere], &log(&[1]), "is not there");
    }

    #[test]
    fn is_an_order_against_time_refused() {
        refused(&[put(1, 2, 2), put(3, 4, 1)], &log(&[1, 2]), "behind it had been acknowledged");
        refused(&[], &log(&[2, 1]), "out of order");
        check(&[put(1, 3, 2), put(2, 4, 1)], &log(&[1, 2])).unwrap();
    }

    #[test]
    fn are_gaps_repeats_and_steps_back_refused() {
        let puts = [put(1, 2, 1), put(3, 4, 2), put(5, 6, 3)];
        let reads = |pages: &[&[u32]]| {
            let mut calls = puts.to_vec();
            calls.push(call(7, 8, Action::OpenOldest(7)));
            calls.extend(pages.iter().zip(9..).map(|(numbers, at)| page(at, at, numbers, false)));
            calls
        };
        check(&reads(&[&[1], &[2, 3]]), &log(&[1, 2, 3])).unwrap();
        refused(&reads(&[&[1], &[3]]), &log(&[1, 2, 3]), "where 1 was due");
        refused(&reads(&[&[2, 3]]), &log(&[1, 2, 3]), "where 0 was due");
        refused(&reads(&[&[1, 2], &[2, 3]]), &log(&[1, 2, 3]), "where 2 was due");
        refused(&reads(&[&[1, 2], &[1]]), &log(&[1, 2, 3]), "where 2 was due");
        refused(&reads(&[&[1, 4]]), &log(&[1, 2, 3]), "not in the log");
    }

    #[test]
    fn are_stale_and_late_readers_refused() {
        let open = call(3, 4, Action::OpenLatest(7));
        let stale = [put(1, 2, 1), open.clone(), page(5, 6, &[1], false)];
        refused(&stale, &log(&[1]), "stale");
        let late = [open.clone(), put(5, 6, 1), put(7, 8, 2), page(9, 10, &[2], false)];
        refused(&late, &log(&[1, 2]), "missed");
        let blind = [put(1, 2, 1), call(3, 4, Action::OpenOldest(7)), page(5, 6, &[], true)];
        refused(&blind, &log(&[1]), "though 0 is acknowledged");
        let early = [call(1, 2, Action::OpenOldest(7)), page(3, 4, &[1], false), put(5, 6, 1)];
        refused(&early, &log(&[1]), "before it was put");
    }
}
