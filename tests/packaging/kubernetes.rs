//! The Kubernetes manifests: put together by kustomize, held against the API's own schemas, and against
//! each other and the image: a port, a label or a user that only one of them knows would be found by
//! nobody else before a cluster.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::tools;
use crate::{ok, path, read, said, scratch};

/// Brings the schemas of the API, and a reader of YAML.
const VALIDATE: &str = "kubernetes-validate==1.37.0";
const DIRECTORY: &str = "docs/deploy/kubernetes";
/// YAML to JSON, a document per line.
const CONVERT: &str = "import json, sys, yaml\n\
                       for it in yaml.safe_load_all(sys.stdin): print(json.dumps(it))";

/// What is to be applied; none where the tools are missing.
fn rendered(test: &str) -> Option<String> {
    let has_tools =
        tools::toolchain(test, "python3", "--version") && tools::toolchain(test, "kubectl", "--help");
    has_tools.then(|| ok(Command::new("kubectl").arg("kustomize").arg(path(DIRECTORY))))
}

fn objects(yaml: &str) -> Vec<Value> {
    let python = tools::python("kubernetes-validate", VALIDATE).join("python");
    let lines = crate::support::program::filter(&python, &["-c", CONVERT], yaml.as_bytes());
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}

fn validate(yaml: &str) -> (bool, String) {
    let program = tools::python("kubernetes-validate", VALIDATE).join("kubernetes-validate");
    let scratch = scratch();
    let file = scratch.path().join("all.yaml");
    fs::write(&file, yaml).expect("a file");
    said(Command::new(program).arg("--strict").arg(file))
}

#[test]
fn are_the_manifests_those_of_the_api() {
    let Some(yaml) = rendered("the Kubernetes manifests' schema") else { return };
    let (is_valid, remarks) = validate(&yaml);
    assert!(is_valid && remarks.matches("passed").count() == 4, "{remarks}");
    let (is_valid, remarks) = validate(&yaml.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"));
    assert!(!is_valid, "{remarks}");
}

#[test]
fn do_the_manifests_and_the_image_agree() {
    let Some(yaml) = rendered("the Kubernetes manifests beside the image") else { return };
    let objects = objects(&yaml);
    let set = of_kind(&objects, "StatefulSet", "fanlight");
    let pod = &set["spec"]["template"];
    let labels = &pod["metadata"]["labels"];
    let [spec, container] = [&pod["spec"], &pod["spec"]["containers"][0]];
    for selector in [
        &set["spec"]["selector"]["matchLabels"],
        &of_kind(&objects, "Service", "fanlight")["spec"]["selector"],
        &of_kind(&objects, "Service", "fanlight-pods")["spec"]["selector"],
        &of_kind(&objects, "NetworkPolicy", "fanlight")["spec"]["podSelector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
    assert_eq!(set["spec"]["serviceName"], "fanlight-pods");
    let user = &spec["securityContext"]["runAsUser"];
    assert!(read("Dockerfile").contains(&format!("USER {user}:{user}\n")));
    assert_eq!([&spec["securityContext"]["fsGroup"], &spec["securityContext"]["runAsGroup"]], [user, user]);
    let volume = &container["volumeMounts"][0];
    assert_eq!(volume["name"], set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]);
    assert!(
        read("Dockerfile")
            .contains(&format!("FANLIGHT_DATA_DIR={}\n", volume["mountPath"].as_str().expect("a path")))
    );
    assert_eq!(container["image"], format!("fanlight:{}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn do_ports_and_probes_lead_somewhere() {
    let Some(yaml) = rendered("the Kubernetes manifests' ports") else { return };
    let objects = objects(&yaml);
    let container =
        &of_kind(&objects, "StatefulSet", "fanlight")["spec"]["template"]["spec"]["containers"][0];
    let ports = json!([{"name": "kinesis", "containerPort": 4567}, {"name": "admin", "containerPort": 4568}]);
    assert_eq!(container["ports"], ports);
    let known = |port: &Value| *port == "kinesis" || *port == "admin";
    let probes = [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")];
    for (probe, asked) in probes {
        assert_eq!(container[probe]["httpGet"], json!({"path": asked, "port": "admin"}), "{probe}");
    }
    for service in ["fanlight", "fanlight-pods"] {
        let ports = of_kind(&objects, "Service", service)["spec"]["ports"].clone();
        assert!(ports.as_array().expect("ports").iter().all(|it| known(&it["targetPort"])), "{ports}");
    }
    let rules = &of_kind(&objects, "NetworkPolicy", "fanlight")["spec"]["ingress"];
    assert!([0, 1].iter().all(|&rule: &usize| known(&rules[rule]["ports"][0]["port"])), "{rules}");
    let monitor = &self::objects(&read(&format!("{DIRECTORY}/service-monitor.yaml")))[0]["spec"];
    let monitored = of_kind(&objects, "Service", "fanlight-pods");
    assert_eq!(monitor["selector"]["matchLabels"], monitored["metadata"]["labels"]);
    assert_eq!(monitor["endpoints"][0]["port"], monitored["spec"]["ports"][1]["name"]);
}
