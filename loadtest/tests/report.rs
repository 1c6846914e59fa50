//! The HTML report and the comparison: well formed, true to the JSON, safe whatever names it is given, loading
//! nothing; and the right exit code for each pair of results.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // helpers of a test: a panic is its failure

mod fake;
mod tool;

use std::path::Path;

use serde_json::{Value, json};
use tool::text;

/// A run against the fake, with every road in it; its page and its JSON.
fn run(dir: &Path) -> (String, Value) {
    let (endpoint, json, page) = (fake::start(fake::Lie::Never), dir.join("a.json"), dir.join("a.html"));
    let endpoint = endpoint.to_string();
    let flags = ["--duration", "600ms", "--rate", "200", "--consumers", "3", "--pull", "1"];
    let files = ["--endpoint", &endpoint, "--json", text(&json), "--report", text(&page)];
    let output = tool::tool(&[&flags[..], &files].concat());
    (std::fs::read_to_string(page).unwrap(), tool::read(&json, &output))
}

/// Renders a result that a test made up.
fn rendered(dir: &Path, result: &Value) -> String {
    let (json, page) = (dir.join("made-up.json"), dir.join("made-up.html"));
    std::fs::write(&json, result.to_string()).unwrap();
    let output = tool::tool(&["--render", text(&json), "--report", text(&page)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(page).unwrap()
}

/// Parses it as XML, which is stricter than HTML: every element closed, every attribute quoted.
fn well_formed(page: &str) -> roxmltree::Document<'_> {
    let markup = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    roxmltree::Document::parse(markup).unwrap_or_else(|error| panic!("{error}\n{page}"))
}

#[test]
fn the_page_is_well_formed_and_has_the_figures_of_the_json() {
    let dir = tempfile::tempdir().unwrap();
    let (page, json) = run(dir.path());
    let document = well_formed(&page);
    let text: String = document.descendants().filter_map(|node| node.text()).collect();
    for road in ["put_ack", "put_to_push", "last_of_all", "put_to_pull"] {
        for figure in ["p10", "p50", "p99", "p99_9", "max"] {
            let exact = format!("{:.3}", json["latency_ms"][road][figure].as_f64().unwrap());
            assert!(text.contains(&exact), "{road} {figure} {exact}");
        }
    }
    let consumers = json["consumers"].as_array().unwrap();
    assert_eq!(consumers.len(), 3);
    for consumer in consumers {
        assert!(text.contains(consumer["name"].as_str().unwrap()));
        assert!(text.contains(&format!("{:.3}", consumer["latency_ms"]["p99"].as_f64().unwrap())));
    }
    assert!(text.contains(json["origin"]["command"].as_str().unwrap()), "the exact command");
    let charts: Vec<_> =
        document.descendants().filter(|node| node.attribute("role") == Some("img")).collect();
    assert!(charts.len() >= 2 * 7, "each chart twice, wide and narrow: {}", charts.len());
    for chart in charts {
        let title = chart.children().find(|child| child.has_tag_name("title")).unwrap();
        assert!(!title.text().unwrap().is_empty() && chart.attribute("aria-label").is_some());
    }
    assert_eq!(rendered(dir.path(), &json), page, "the JSON has all that the page shows");
}

/// Every attribute that could fetch something, and every address in the style.
#[test]
fn the_page_loads_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (page, _) = run(dir.path());
    let document = well_formed(&page);
    for node in document.descendants() {
        assert!(!node.has_tag_name("script") && !node.has_tag_name("img") && !node.has_tag_name("iframe"));
        for attribute in node.attributes() {
            let fetches = ["href", "src", "srcset", "action", "poster"].contains(&attribute.name());
            assert!(!fetches || attribute.value().starts_with("data:"), "{attribute:?}");
        }
    }
    for fetching in ["http://", "https://", "url(", "@import"] {
        assert!(!page.contains(fetching), "{fetching}");
    }
}

#[test]
fn hostile_names_stay_text() {
    let hostile = r#"</title></style><script>alert("1")</script><img src=x onerror='x'>&amp;"#;
    let dir = tempfile::tempdir().unwrap();
    let (_, mut json) = run(dir.path());
    for place in
        ["/consumers/0/name", "/consumers/0/stream", "/origin/command", "/machine/cpu", "/setup", "/scenario"]
    {
        *json.pointer_mut(place).unwrap() = hostile.into();
    }
    json["settings"][0] = json!({"name": hostile, "value": hostile});
    json["complaints"] = json!([hostile]);
    json["bars"] = json!([{"what": hostile, "measured": 1.0, "at_most": 2.0, "unit": hostile, "kept": true}]);
    json["put_errors"]["by_code"] = json!({hostile: 3});
    let page = rendered(dir.path(), &json);
    let document = well_formed(&page);
    assert!(!document.descendants().any(|node| node.has_tag_name("script") || node.has_tag_name("img")));
    let shown = document.descendants().filter(|node| node.text().is_some_and(|text| text.contains(hostile)));
    assert!(shown.count() >= 9, "all of them are shown, as they are");
}

#[test]
fn a_thousand_consumers_and_none_have_a_page_too() {
    let dir = tempfile::tempdir().unwrap();
    let (_, mut json) = run(dir.path());
    let one = json["consumers"][0].clone();
    json["consumers"] = vec![one; 1000].into();
    let page = rendered(dir.path(), &json);
    well_formed(&page);
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
    for name in ["consumers", "pull_consumers"] {
        json[name] = json!([]);
    }
    json["over_time"] = json!({});
    json["curves"] = json!({});
    well_formed(&rendered(dir.path(), &json));
}

/// A result with these figures.
fn result(p99: f64, per_sec: f64) -> Value {
    let summary = json!({"count": 1000, "p50": 0.4, "p90": 0.9, "p99": p99, "p99_9": 9.0, "max": 9.0});
    json!({
        "passed": true, "setup": "made up", "settings": [{"name": "shards", "value": "1"}],
        "latency_ms": {"put_to_push": summary}, "throughput": {"acked_per_sec": per_sec, "pushed_per_sec": per_sec},
        "curves": {"put_to_push": [{"quantile": 0.0, "ms": 0.1, "count": 1}, {"quantile": 1.0, "ms": 9.0, "count": 9}]},
    })
}

/// Compares them; the exit code and what was printed.
fn compare(a: &Value, b: &Value, flags: &[&str]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["a.json", "b.json"].map(|name| dir.path().join(name));
    std::fs::write(&first, a.to_string()).unwrap();
    std::fs::write(&second, b.to_string()).unwrap();
    let output = tool::tool(&[&["--compare", text(&first), text(&second)], flags].concat());
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn what_is_worse_beyond_the_tolerance_fails_the_comparison() {
    let a = result(2.0, 1000.0);
    let (code, printed) = compare(&a, &result(2.2, 990.0), &[]);
    assert!(code == Some(0) && printed.contains("within noise") && !printed.contains("WARNING"), "{printed}");
    let (code, printed) = compare(&a, &result(3.0, 1000.0), &[]);
    assert!(
        code == Some(1) && printed.contains("WORSE: B is worse than A by more than 30 %: put to push p99")
    );
    assert_eq!(compare(&a, &result(3.0, 1000.0), &["--tolerance", "60%"]).0, Some(0));
    assert_eq!(compare(&a, &result(2.0, 500.0), &[]).0, Some(1), "half the throughput");
    let (code, printed) = compare(&a, &result(1.0, 1000.0), &[]);
    assert!(code == Some(0) && printed.contains("better beyond noise: put to push p99"), "{printed}");
    let mut failed = a.clone();
    failed["passed"] = false.into();
    assert_eq!(compare(&a, &failed, &[]).0, Some(1), "it failed its own verdict");
}

#[test]
fn runs_that_are_not_alike_are_warned_of() {
    let (a, mut b) = (result(2.0, 1000.0), result(2.0, 1000.0));
    b["settings"] = json!([{"name": "shards", "value": "4"}, {"name": "batch", "value": "9"}]);
    b["machine"] = json!({"cpu": "another"});
    let (code, printed) = compare(&a, &b, &[]);
    assert_eq!(code, Some(0), "different is not worse");
    for line in [
        "WARNING: the runs are not alike",
        "shards: A 1, B 4",
        "batch: A not told, B 9",
        "processor: A , B another",
    ] {
        assert!(printed.contains(line), "{line}\n{printed}");
    }
}

#[test]
fn a_comparison_has_a_page_with_both_curves() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("compared.html");
    let (code, _) = compare(&result(2.0, 1000.0), &result(9.0, 1000.0), &["--report", text(&page)]);
    assert_eq!(code, Some(1));
    let page = std::fs::read_to_string(page).unwrap();
    let document = well_formed(&page);
    let lines = |class: &str| {
        let class = format!("line {class}");
        document.descendants().filter(|node| node.attribute("class") == Some(&class)).count()
    };
    assert!(lines("s1") >= 2 && lines("s2") >= 2 && page.contains(">WORSE<"));
}

#[test]
fn what_cannot_be_read_says_so_and_is_neither_better_nor_worse() {
    let dir = tempfile::tempdir().unwrap();
    let [there, broken, missing] = ["a.json", "b.json", "c.json"].map(|name| dir.path().join(name));
    std::fs::write(&there, result(1.0, 1.0).to_string()).unwrap();
    for content in ["", "{", "{}", r#"{"passed": "perhaps"}"#] {
        std::fs::write(&broken, content).unwrap();
        let output = tool::tool(&["--compare", text(&there), text(&broken)]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains("--json"), "{content}: {said}");
    }
    let output = tool::tool(&["--compare", text(&missing), text(&there)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("c.json"));
}
