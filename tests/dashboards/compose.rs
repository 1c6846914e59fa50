//! What `grafana/compose.yaml` mounts, publishes and points at fits together. No container engine is asked:
//! this is read as text, so it says nothing of the images themselves.

use std::path::Path;

use super::{grafana, read};

/// The file without its comments.
fn compose() -> String {
    let text = read("compose.yaml");
    text.lines().filter(|line| !line.trim_start().starts_with('#')).map(|line| format!("{line}\n")).collect()
}

/// The items of lists that look like this.
fn items(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<&str> {
    let items = text.lines().filter_map(|line| line.trim_start().strip_prefix("- "));
    items.map(|item| item.trim_matches('"')).filter(|item| is_wanted(item)).collect()
}

/// A file without its comments, its hosts replaced.
fn with_hosts(name: &str, from: &str, to: &str) -> String {
    let text = read(name);
    assert!(text.contains(from), "{name} does not name {from}");
    text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n").replace(from, to)
}

#[test]
fn what_is_mounted_is_there() {
    let compose = compose();
    let mounted = items(&compose, |item| item.starts_with("./"));
    assert!(mounted.len() >= 5, "{mounted:?}");
    for mount in mounted {
        let (source, rest) = mount.split_once(':').expect("a place");
        assert!(grafana().join(source).exists(), "{source} is not there");
        assert!(rest.ends_with(":ro"), "{mount} could be written to");
    }
    let profile =
        compose.split_once("seccomp=").and_then(|(_, rest)| rest.split_once('"')).expect("a profile").0;
    assert!(grafana().join(profile).is_file(), "{profile} is not there");
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile").is_file());
    // Rules and dashboards are where the configurations say.
    for (file, place, of) in [
        ("compose/prometheus.yml", "rule_files: [alerts.yml]", "./alerts.yml:/etc/prometheus/alerts.yml:ro"),
        (
            "provisioning/dashboards/fanlight.yml",
            "path: /etc/grafana/dashboards\n",
            "./dashboards:/etc/grafana/dashboards:ro",
        ),
    ] {
        assert!(read(file).contains(place) && compose.contains(of), "{file}: {place}");
    }
}

#[test]
fn nothing_is_reachable_from_elsewhere_and_images_are_pinned() {
    let compose = compose();
    let is_published =
        |item: &str| item.split(':').next_back().is_some_and(|port| port.parse::<u16>().is_ok());
    let published = items(&compose, is_published);
    assert_eq!(published.len(), 4, "{published:?}");
    assert!(published.iter().all(|port| port.starts_with("127.0.0.1:")), "{published:?}");
    let images: Vec<_> = compose.lines().filter_map(|line| line.trim().strip_prefix("image: ")).collect();
    assert_eq!(images.len(), 3, "{images:?}");
    for image in images {
        let tag = image.split_once(':').expect("a tag").1;
        assert!(tag == "local" || tag.split('.').count() == 3, "{image} is not pinned");
    }
}

/// The two networks differ in the hosts' names alone, and those are the services'.
#[test]
fn the_compose_configurations_are_the_others_with_other_hosts() {
    let host = "127.0.0.1:";
    assert_eq!(
        with_hosts("prometheus.yml", &format!("{host}4568"), "fanlight:4568"),
        with_hosts("compose/prometheus.yml", "fanlight:4568", "fanlight:4568"),
    );
    assert_eq!(
        with_hosts("provisioning/datasources/prometheus.yml", &format!("{host}9090"), "prometheus:9090"),
        with_hosts("compose/datasource.yml", "prometheus:9090", "prometheus:9090"),
    );
    for service in ["\n  fanlight:\n", "\n  prometheus:\n", "\n  grafana:\n"] {
        assert!(compose().contains(service), "{service}");
    }
}
