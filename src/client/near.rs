//! Names that were probably meant.

/// Changes of a letter that still make a name near.
const DISTANCE_MAX: usize = 3;
/// Names that are told.
const NAMES_MAX: usize = 5;

/// What to say where there is no stream of this name.
pub(super) fn advice(wanted: &str, names: &[&str]) -> String {
    let near = near(wanted, names);
    match (near.as_slice(), names) {
        ([], []) => format!("There are no streams. Make this one with `fanlight streams create {wanted}`."),
        ([], [only]) => format!("There is one stream: {only}."),
        ([], _) => format!("`fanlight streams` lists the {} streams there are.", names.len()),
        ([one], _) => format!("Did you mean {one}?"),
        (several, _) => format!("Did you mean one of {}?", several.join(", ")),
    }
}

/// The names that differ in a few letters, contain the one wanted or are contained in it; nearest first.
fn near<'a>(wanted: &str, names: &[&'a str]) -> Vec<&'a str> {
    let (lower, longest) = (wanted.to_lowercase(), DISTANCE_MAX.min(wanted.len() / 2));
    let rank = |name: &&'a str| {
        let other = name.to_lowercase();
        let apart = distance(&lower, &other);
        let holds =
            lower.len() > 2 && (other.contains(&lower) || (other.len() > 2 && lower.contains(&other)));
        (apart <= longest || holds).then_some((apart, *name))
    };
    let mut ranked: Vec<_> = names.iter().filter_map(rank).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(NAMES_MAX).map(|(_, name)| name).collect()
}

/// Letters to insert, leave out or replace to come from one word to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<_> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told_first() {
        let names = ["orders", "orders-eu", "payments", "order"];
        assert_eq!(near("ordrs", &names), ["orders", "order"]);
        assert_eq!(near("orders-e", &names), ["orders-eu", "orders", "order"]);
        assert_eq!(near("clicks", &names), Vec::<&str>::new());
    }

    #[test]
    fn distances_count_letters() {
        assert_eq!([distance("", "abc"), distance("kitten", "sitting"), distance("a", "a")], [3, 3, 0]);
    }

    #[test]
    fn advice_fits_what_there_is() {
        assert!(advice("x", &[]).contains("streams create x"));
        assert_eq!(advice("ordres", &["orders", "zebra"]), "Did you mean orders?");
        assert!(advice("x", &["orders", "zebra"]).contains("2 streams"));
    }
}
