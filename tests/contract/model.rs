//! The service's own model, as botocore publishes it: its operations, their inputs, outputs and errors, and
//! the shapes those are made of.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::{program, tools};

/// Prints the model; `order` keeps what a JSON object does not: the order of a structure's members.
const PRINT: &str = "
import json, botocore.loaders
model = botocore.loaders.Loader().load_service_model('kinesis', 'service-2')
for shape in model['shapes'].values():
    shape['order'] = list(shape.get('members', {}))
    shape.pop('documentation', None)
print(json.dumps(model))
";

/// What a shape is, as far as encodings care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Integer,
    Long,
    Boolean,
    Blob,
    Timestamp,
    List,
    Map,
    Structure,
}

/// One shape with its constraints.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
    pub(crate) pattern: Option<String>,
    /// The values of an enumeration.
    pub(crate) values: Vec<String>,
    /// A structure's members and their shapes, in the model's order.
    pub(crate) members: Vec<(String, String)>,
    pub(crate) required: Vec<String>,
    /// The shape of a list's items.
    pub(crate) item: String,
    /// The shapes of a map's keys and values.
    pub(crate) entry: (String, String),
}

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) input: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) errors: Vec<String>,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Model {
    operations: Vec<Operation>,
    shapes: BTreeMap<String, Shape>,
}

/// The model, loaded once; `None` where there is no Python to install botocore with.
pub(crate) fn model() -> Option<&'static Model> {
    static MODEL: OnceLock<Option<Model>> = OnceLock::new();
    let load = || tools::toolchain("the model's contract", "python3", "--version").then(Model::load);
    MODEL.get_or_init(load).as_ref()
}

impl Model {
    fn load() -> Model {
        let python = tools::python("boto3", tools::BOTO3).join("python");
        let printed = program::filter(&python, &["-c", PRINT], b"");
        let model: Value = serde_json::from_str(&printed).expect("the model is JSON");
        let entries = |member: &str| model[member].as_object().expect(member).iter();
        Model {
            operations: entries("operations").map(|(name, it)| Operation::read(name, it)).collect(),
            shapes: entries("shapes").map(|(name, it)| (name.clone(), Shape::read(name, it))).collect(),
        }
    }

    /// A shape by its name.
    pub(crate) fn shape(&self, name: &str) -> &Shape {
        self.shapes.get(name).unwrap_or_else(|| panic!("no shape {name} in the model"))
    }

    /// An operation by its name.
    pub(crate) fn operation(&self, name: &str) -> &Operation {
        self.operations.iter().find(|it| it.name == name).unwrap_or_else(|| panic!("no operation {name}"))
    }

    /// The operations of queues and channels, which this server does not have.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|it| it.is_foreign())
    }

    /// The operations of streams, which it has.
    pub(crate) fn own(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|it| !it.is_foreign())
    }
}

impl Operation {
    fn read(name: &str, value: &Value) -> Operation {
        let shape = |member: &str| value[member]["shape"].as_str().map(str::to_owned);
        let errors = value["errors"].as_array().into_iter().flatten();
        let errors = errors.map(|it| text(&it["shape"])).collect();
        Operation { name: name.to_owned(), input: shape("input"), output: shape("output"), errors }
    }

    /// Whether it is one of queues or channels.
    pub(crate) fn is_foreign(&self) -> bool {
        self.name.contains("Queue") || self.name.contains("Channel")
    }
}

impl Shape {
    fn read(name: &str, value: &Value) -> Shape {
        let list = |member: &str| value[member].as_array().into_iter().flatten().map(text).collect();
        let members: Vec<String> = list("order");
        let shape_of = |member: String| {
            let shape = text(&value["members"][&member]["shape"]);
            (member, shape)
        };
        Shape {
            name: name.to_owned(),
            kind: kind(&text(&value["type"])),
            min: value["min"].as_i64(),
            max: value["max"].as_i64(),
            pattern: value["pattern"].as_str().map(str::to_owned),
            values: list("enum"),
            members: members.into_iter().map(shape_of).collect(),
            required: list("required"),
            item: text(&value["member"]["shape"]),
            entry: (text(&value["key"]["shape"]), text(&value["value"]["shape"])),
        }
    }

    /// Whether a member must be there.
    pub(crate) fn requires(&self, member: &str) -> bool {
        self.required.iter().any(|it| it == member)
    }

    /// Whether there is such a member.
    pub(crate) fn has(&self, member: &str) -> bool {
        self.members.iter().any(|(it, _)| it == member)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn kind(name: &str) -> Kind {
    match name {
        "string" => Kind::String,
        "integer" => Kind::Integer,
        "long" => Kind::Long,
        "boolean" => Kind::Boolean,
        "blob" => Kind::Blob,
        "timestamp" => Kind::Timestamp,
        "list" => Kind::List,
        "map" => Kind::Map,
        "structure" => Kind::Structure,
        other => panic!("a type of the model this test does not know: {other}"),
    }
}
