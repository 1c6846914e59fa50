//! Sequence numbers against AWS's own examples and against plain big-integer arithmetic.

use proptest::prelude::*;

use super::*;

/// The 188-bit integer the module doc draws, as (high 92 bits, low 96 bits), built another way than `limbs`.
fn integer(number: &SequenceNumber) -> String {
    let shard = number.shard.0;
    let hex = format!(
        "2{:09x}{:01x}{:016x}{:02x}{:09x}{:08x}2",
        number.created_secs,
        shard & 15,
        number.index,
        number.pair,
        number.time_secs,
        shard
    );
    assert_eq!(hex.len(), 47);
    decimal(&hex)
}

/// Schoolbook conversion, digit by digit.
fn decimal(hex: &str) -> String {
    let mut digits = vec![0_u32];
    for nibble in hex.chars() {
        let mut carry = nibble.to_digit(16).unwrap();
        for digit in &mut digits {
            carry += *digit * 16;
            *digit = carry % 10;
            carry /= 10;
        }
        if carry > 0 {
            digits.extend([carry % 10, carry / 10].iter().take(1 + usize::from(carry >= 10)));
        }
    }
    digits.iter().rev().map(u32::to_string).collect()
}

fn number(text: &str) -> SequenceNumber {
    match SequenceNumber::parse(text) {
        Ok(Parsed::Number(number)) => number,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn reads_numbers_aws_gave() {
    let text = "49674026002850188218576229259473476449429298564223254594";
    let expected = SequenceNumber::record(1_777_319_237, 0x5_0ccb_9d26, 1_777_320_018, ShardId(3076));
    assert_eq!(number(text), expected);
    assert_eq!(expected.to_string(), text);

    let older = number("49543463076548007577105092703039560359975228518395019266");
    assert_eq!((older.created_secs(), older.index(), older.shard()), (1_411_403_981, 0x157d, ShardId(0)));
}

#[test]
fn writes_the_known_vectors() {
    let created = 1_700_000_000;
    for (number, text) in [
        (
            SequenceNumber::shard_start(created, ShardId(0)),
            "49646437577108476416916876405825929425585429676275269634",
        ),
        (
            SequenceNumber::shard_start(created, ShardId(1)),
            "49646437577130777162115407028967465143858078037781250066",
        ),
        (
            SequenceNumber::record(created, 1, created + 2, ShardId(0)),
            "49646437577108476416916876405827138351405044442888929282",
        ),
        (
            SequenceNumber::shard_end(created, created + 3600, ShardId(0)),
            "49646437577119626789516141717395488358902386617969803266",
        ),
    ] {
        assert_eq!(number.to_string(), text);
        assert_eq!(integer(&number), text);
    }
}

#[test]
fn shards_of_a_stream_differ_by_the_known_step() {
    // 22300745198530623141535718272648361505980432 = one in the nibble and one in the shard.
    let starts = [0, 1, 2].map(|shard| SequenceNumber::shard_start(1_700_000_000, ShardId(shard)).limbs());
    let step = from_digits(b"00000000000022300745198530623141535718272648361505980432").unwrap();
    for pair in starts.windows(2) {
        let (low, carry) = pair[0][2].overflowing_add(step[2]);
        let (middle, carry_2) = pair[0][1].carrying_add(step[1], carry);
        assert_eq!([pair[0][0] + step[0] + u64::from(carry_2), middle, low], pair[1]);
    }
}

#[test]
fn zero_is_told_apart() {
    assert_eq!(SequenceNumber::parse("0"), Ok(Parsed::Zero));
}

#[test]
fn refuses_other_texts() {
    let good = "49646437577108476416916876405825929425585429676275269634";
    for text in ["", "00", "-1", "1e55", "x", &"9".repeat(130), &format!("0{good}")] {
        assert_eq!(SequenceNumber::parse(text), Err(ParseError::Syntax), "{text}");
    }
    for text in
        ["1", &"9".repeat(56), &"9".repeat(129), &"1".repeat(56), &good[..55], &good.replace("634", "633")]
    {
        assert_eq!(SequenceNumber::parse(text), Err(ParseError::Layout), "{text}");
    }
}

#[test]
fn refuses_inconsistent_fields() {
    let limbs = SequenceNumber::record(1_700_000_000, 7, 1_700_000_001, ShardId(5)).limbs();
    let broken = [
        [limbs[0] ^ 1 << 16, limbs[1], limbs[2]],
        [limbs[0] ^ 1 << 56, limbs[1], limbs[2]],
        [limbs[0] | 1 << 15, limbs[1], limbs[2]],
        [limbs[0], limbs[1], limbs[2] | 1 << 35],
        [limbs[0], limbs[1], limbs[2] ^ 1],
    ];
    assert!(SequenceNumber::from_limbs(limbs).is_some());
    assert_eq!(broken.map(SequenceNumber::from_limbs), [None; 5]);
}

prop_compose! {
    fn any_number()(
        created in 0..=SECS_MAX,
        index in prop_oneof![0_u64..4, 0..=INDEX_MAX],
        pair in 0_u8..2,
        time in 0..=SECS_MAX,
        shard in 0..=ShardId::MAX.0,
    ) -> SequenceNumber {
        SequenceNumber::new(created, index, pair, time, ShardId(shard))
    }
}

proptest! {
    #[test]
    fn digits_are_the_integer(number in any_number()) {
        prop_assert_eq!(number.to_string(), integer(&number));
        prop_assert_eq!(SequenceNumber::parse(&number.to_string()), Ok(Parsed::Number(number)));
    }

    #[test]
    fn order_is_the_integers_order(a in any_number(), b in any_number()) {
        // All have 56 digits, so text order is numeric order.
        prop_assert_eq!(a.cmp(&b), integer(&a).cmp(&integer(&b)));
    }

    #[test]
    fn continuations_lie_between_records(
        index in 0..INDEX_MAX, times in prop::array::uniform3(0..=SECS_MAX), shard in 0_u32..100,
    ) {
        let at = ShardId(shard);
        let record = SequenceNumber::record(1, index, times[0], at);
        let continuation = SequenceNumber::continuation(1, index, times[1], at);
        let next = SequenceNumber::record(1, index + 1, times[2], at);
        prop_assert!(record < continuation && continuation < next);
    }

    #[test]
    fn parse_never_panics(text in "[0-9]{0,140}|\\PC{0,60}") {
        let _ = SequenceNumber::parse(&text);
    }
}

#[test]
fn eight_digits_are_right_in_either_half() {
    for half in 0..10_000 {
        for number in [half * 10_001, half * 10_000 + 9_999 - half] {
            assert_eq!(eight_digits(number), *format!("{number:08}").as_bytes());
        }
    }
}
