//! Reads a Dockerfile: its instructions, by stage. Knows the few forms ours uses, and fails on others.

/// One instruction: its name, and the rest with continued lines put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) name: String,
    pub(crate) rest: String,
}

impl Instruction {
    /// The words of its exec form.
    pub(crate) fn exec_form(&self) -> Vec<String> {
        let (_, list) = self.rest.split_once('[').unwrap_or_else(|| panic!("not in exec form: {self:?}"));
        serde_json::from_str(&format!("[{list}")).unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }
}

/// The stages, each from its FROM on.
pub(crate) fn stages(text: &str) -> Vec<Vec<Instruction>> {
    let mut stages: Vec<Vec<Instruction>> = Vec::new();
    for instruction in instructions(text) {
        if instruction.name == "FROM" {
            stages.push(Vec::new());
        }
        stages.last_mut().expect("FROM comes first").push(instruction);
    }
    stages
}

fn instructions(text: &str) -> Vec<Instruction> {
    let mut found = Vec::new();
    let mut line = String::new();
    for part in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let Some(continued) = part.strip_suffix('\\') else {
            line += part;
            if let Some((name, rest)) = line.trim().split_once(' ') {
                found.push(Instruction { name: name.to_owned(), rest: rest.trim().to_owned() });
            }
            line.clear();
            continue;
        };
        line += continued;
    }
    found
}

#[test]
fn stages_are_taken_apart() {
    let build = "# a\nFROM a AS b\nRUN one \\\n    # why\n    && two\n\n";
    let image = "FROM c\nHEALTHCHECK --x=1 \\\n  CMD [\"d\", \"\\\\n\"]\n";
    let stages = stages(&format!("{build}{image}"));
    assert_eq!(stages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(stages[0][1].rest, "one     && two");
    assert_eq!(stages[1][1].exec_form(), ["d", "\\n"]);
}
