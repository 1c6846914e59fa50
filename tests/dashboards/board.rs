//! A dashboard in a few words, and the JSON Grafana makes of it: rows of panels that flow from left to right.
//! It knows Grafana's format and nothing of what is measured.

use serde_json::{Value, json};

/// The version of Grafana's dashboard format that is written: read by Grafana 11 and 12.
const SCHEMA_VERSION: u32 = 39;
/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;
const ROW_HEIGHT: u64 = 1;

/// What a dashboard can be narrowed to, besides job and instance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Narrow {
    Stream,
    Consumer,
}

/// One dashboard.
pub struct Board {
    uid: &'static str,
    title: &'static str,
    description: &'static str,
    narrow: Vec<Narrow>,
    panels: Vec<Panel>,
}

/// One panel, or the heading of a row.
pub struct Panel {
    kind: &'static str,
    title: String,
    description: &'static str,
    queries: Vec<(String, String)>,
    unit: &'static str,
    size: (u64, u64),
    thresholds: Vec<(Value, &'static str)>,
    mappings: Vec<Value>,
    stacked: bool,
    whole_range: bool,
    leads_to_stream: bool,
}

impl Board {
    /// Files and links know it by its `uid`: it stays.
    pub fn new(uid: &'static str, title: &'static str, description: &'static str) -> Board {
        Board { uid, title, description, narrow: Vec::new(), panels: Vec::new() }
    }

    /// Offers a choice of streams or consumers.
    pub fn narrowed_by(mut self, narrow: &[Narrow]) -> Board {
        self.narrow.extend(narrow);
        self
    }

    /// A heading and what stands below it.
    pub fn row(mut self, title: &str, panels: impl IntoIterator<Item = Panel>) -> Board {
        let heading = Panel { size: (COLUMNS, ROW_HEIGHT), ..Panel::new("row", title, "") };
        self.panels.push(heading);
        self.panels.extend(panels);
        self
    }

    /// The file it is kept in.
    pub fn file_name(&self) -> String {
        format!("{}.json", self.uid)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let text = serde_json::to_string_pretty(&self.json()).expect("values are JSON");
        text + "\n"
    }

    fn json(&self) -> Value {
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["fanlight"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": true,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": {"from": "now-15m", "to": "now"},
            "timezone": "browser",
            "annotations": {"list": [restarts()]},
            "links": [{
                "type": "dashboards", "title": "Fanlight", "tags": ["fanlight"], "asDropdown": false,
                "includeVars": true, "keepTime": true, "targetBlank": false, "icon": "external link",
                "tooltip": "", "url": "",
            }],
            "templating": {"list": self.variables()},
            "panels": self.placed(),
        })
    }

    fn variables(&self) -> Vec<Value> {
        let datasource = json!({
            "name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source",
            "hide": 0, "includeAll": false, "multi": false, "refresh": 1, "regex": "",
            "current": {"text": "Prometheus", "value": "prometheus"},
        });
        let mut all = vec![
            datasource,
            variable("job", "Job", "fanlight_build_info"),
            variable("instance", "Server", "fanlight_build_info{job=~\"$job\"}"),
        ];
        all.extend(self.narrow.iter().map(|narrow| match narrow {
            Narrow::Stream => variable("stream", "Stream", &filled("fanlight_open_shards{$i}")),
            Narrow::Consumer => variable("consumer", "Consumer", &filled("kinesis_efo_behind_seconds{$s}")),
        }));
        all
    }

    /// The panels where they are, each as far left and up as the one before leaves it.
    fn placed(&self) -> Vec<Value> {
        let (mut x, mut y, mut line_height) = (0, 0, 0);
        let mut placed = Vec::new();
        for (id, panel) in (1_u64..).zip(&self.panels) {
            let (width, height) = panel.size;
            if x + width > COLUMNS {
                (x, y, line_height) = (0, y + line_height, 0);
            }
            let place = json!({"x": x, "y": y, "w": width, "h": height});
            placed.push(panel.json(id, &place));
            x += width;
            line_height = line_height.max(height);
        }
        placed
    }
}

/// A number or a word, and how it went where there is room.
pub fn stat(title: &str, description: &'static str) -> Panel {
    Panel { size: (4, 4), ..Panel::new("stat", title, description) }
}

/// A line for each series.
pub fn lines(title: &str, description: &'static str) -> Panel {
    Panel { size: (8, 8), ..Panel::new("timeseries", title, description) }
}

/// How many there were of each duration, over time, from a histogram of seconds.
pub fn heatmap(title: &str, description: &'static str, histogram: &str, labels: &str) -> Panel {
    let query = format!("sum by (le) (increase({histogram}_bucket{{{labels}}}[$r]))");
    let panel = Panel { size: (12, 8), ..Panel::new("heatmap", title, description) };
    panel.query(&query, "{{le}}").unit("s")
}

/// A bar for each series, the longest first.
pub fn bars(title: &str, description: &'static str) -> Panel {
    Panel { size: (8, 8), ..Panel::new("bargauge", title, description) }
}

/// Lines of the median, 99 % and 99.9 % of a histogram.
pub fn quantiles(title: &str, description: &'static str, histogram: &str, labels: &str) -> Panel {
    [("0.5", "p50"), ("0.99", "p99"), ("0.999", "p99.9")]
        .into_iter()
        .fold(lines(title, description), |panel, (q, name)| {
            panel.query(&quantile(q, "le", histogram, labels), name)
        })
        .unit("s")
}

/// A quantile of a histogram, by `le` and other labels.
pub fn quantile(q: &str, by: &str, histogram: &str, labels: &str) -> String {
    format!("histogram_quantile({q}, sum by ({by}) (rate({histogram}_bucket{{{labels}}}[$r])))")
}

impl Panel {
    fn new(kind: &'static str, title: &str, description: &'static str) -> Panel {
        Panel {
            kind,
            title: title.to_owned(),
            description,
            queries: Vec::new(),
            unit: "short",
            size: (8, 8),
            thresholds: vec![(Value::Null, "green")],
            mappings: Vec::new(),
            stacked: false,
            whole_range: false,
            leads_to_stream: false,
        }
    }

    /// Asks for series, named after this pattern. `$i` stands for the labels of the server, `$s` for those
    /// and the stream's, `$c` for those and the consumer's, `$r` for the span rates are taken over.
    pub fn query(mut self, expression: &str, legend: &str) -> Panel {
        self.queries.push((filled(expression), legend.to_owned()));
        self
    }

    /// One of Grafana's units.
    pub fn unit(mut self, unit: &'static str) -> Panel {
        self.unit = unit;
        self
    }

    /// Columns (of 24) and height.
    pub fn size(mut self, width: u64, height: u64) -> Panel {
        self.size = (width, height);
        self
    }

    /// Another colour from this value on; lines get a dashed one there.
    pub fn from(mut self, value: f64, colour: &'static str) -> Panel {
        self.thresholds.push((json!(value), colour));
        self
    }

    /// Below the first threshold it is bad.
    pub fn red_below(mut self, value: f64) -> Panel {
        self.thresholds = vec![(Value::Null, "red"), (json!(value), "green")];
        self
    }

    /// A word in place of a value.
    pub fn says(mut self, value: u32, word: &str, colour: &str) -> Panel {
        let options =
            json!({value.to_string(): {"text": word, "color": colour, "index": self.mappings.len()}});
        self.mappings.push(json!({"type": "value", "options": options}));
        self
    }

    /// Series on top of each other.
    pub fn stacked(mut self) -> Panel {
        self.stacked = true;
        self
    }

    /// One number over all the time that is shown.
    pub fn over_all(mut self) -> Panel {
        self.whole_range = true;
        self
    }

    /// A click on a series opens the dashboard of its stream.
    pub fn leads_to_stream(mut self) -> Panel {
        self.leads_to_stream = true;
        self
    }

    fn json(&self, id: u64, place: &Value) -> Value {
        if self.kind == "row" {
            return json!({"id": id, "type": "row", "title": self.title, "collapsed": false,
                "gridPos": place, "panels": []});
        }
        json!({
            "id": id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": datasource(),
            "gridPos": place,
            "targets": self.targets(),
            "fieldConfig": {"defaults": self.field(), "overrides": []},
            "options": self.options(),
        })
    }

    fn targets(&self) -> Vec<Value> {
        let letters = 'A'..='Z';
        let is_heatmap = self.kind == "heatmap";
        let target = |(letter, (expression, legend)): (char, &(String, String))| {
            json!({
                "refId": letter.to_string(), "datasource": datasource(), "expr": expression,
                "legendFormat": legend, "format": if is_heatmap { "heatmap" } else { "time_series" },
                "instant": self.whole_range, "range": !self.whole_range,
            })
        };
        letters.zip(&self.queries).map(target).collect()
    }

    fn field(&self) -> Value {
        let steps = self.thresholds.iter().map(|(value, color)| json!({"value": value, "color": color}));
        let mut field = json!({
            "unit": self.unit,
            "mappings": self.mappings,
            "thresholds": {"mode": "absolute", "steps": steps.collect::<Vec<_>>()},
            "links": self.links(),
        });
        match self.kind {
            "timeseries" => field["custom"] = self.drawn(),
            "heatmap" => field["custom"] = json!({"scaleDistribution": {"type": "linear"}}),
            _ => field["color"] = json!({"mode": "thresholds"}),
        }
        if self.kind != "stat" {
            field["min"] = 0.into();
        }
        field
    }

    fn links(&self) -> Vec<Value> {
        let url = "/d/fanlight-stream?${datasource:queryparam}&${instance:queryparam}&${__url_time_range}\
                   &var-stream=${__field.labels.stream}";
        let link = json!({"title": "This stream", "url": url, "targetBlank": false});
        self.leads_to_stream.then_some(link).into_iter().collect()
    }

    fn drawn(&self) -> Value {
        let line = if self.thresholds.len() > 1 { "dashed" } else { "off" };
        let (mode, fill) = if self.stacked { ("normal", 25) } else { ("none", 6) };
        json!({
            "drawStyle": "line", "lineWidth": 1, "fillOpacity": fill, "showPoints": "never",
            "spanNulls": false, "stacking": {"mode": mode, "group": "A"}, "thresholdsStyle": {"mode": line},
        })
    }

    fn options(&self) -> Value {
        let reduce = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
        match self.kind {
            "stat" => json!({
                "reduceOptions": reduce, "colorMode": "value", "justifyMode": "auto",
                "graphMode": if self.mappings.is_empty() && !self.whole_range { "area" } else { "none" },
                "textMode": if self.queries.iter().all(|(_, legend)| legend.is_empty()) { "value" }
                    else { "value_and_name" },
            }),
            "bargauge" => json!({
                "reduceOptions": reduce, "orientation": "horizontal", "displayMode": "basic",
                "showUnfilled": true, "namePlacement": "left", "sizing": "auto", "valueMode": "color",
            }),
            "heatmap" => json!({
                "calculate": false, "cellGap": 1, "cellValues": {"unit": "short"},
                "color": {"mode": "scheme", "scheme": "Spectral", "steps": 64, "reverse": true,
                    "exponent": 0.5, "scale": "exponential", "fill": "dark-orange"},
                "filterValues": {"le": 1e-9}, "legend": {"show": true}, "rowsFrame": {"layout": "auto"},
                "tooltip": {"mode": "single", "showColorScale": false, "yHistogram": true},
                "yAxis": {"axisPlacement": "left", "reverse": false, "unit": self.unit},
                "exemplars": {"color": "rgba(255,0,255,0.7)"},
            }),
            _ => json!({
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
        }
    }
}

fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// A choice among the values of a label.
fn variable(name: &str, label: &str, series: &str) -> Value {
    let query = format!("label_values({series}, {name})");
    json!({
        "name": name, "label": label, "type": "query", "datasource": datasource(), "definition": query,
        "query": {"qryType": 1, "query": query, "refId": name}, "hide": 0, "skipUrlSync": false,
        "includeAll": true, "multi": true, "allValue": ".+", "current": {"text": ["All"], "value": ["$__all"]},
        "options": [], "refresh": 2, "regex": "", "sort": 1,
    })
}

/// A mark wherever a server was started.
fn restarts() -> Value {
    json!({
        "name": "Starts", "enable": true, "hide": false, "iconColor": "purple", "datasource": datasource(),
        "expr": filled("changes(process_start_time_seconds{$i}[$r]) > 0"), "step": "10s",
        "titleFormat": "{{instance}} was started", "textFormat": "", "tagKeys": "",
    })
}

fn filled(expression: &str) -> String {
    const SERVER: &str = r#"job=~"$job",instance=~"$instance""#;
    let stream = format!(r#"{SERVER},stream=~"$stream""#);
    let consumer = format!(r#"{stream},consumer=~"$consumer""#);
    let places = [
        ("{$c", format!("{{{consumer}")),
        ("{$s", format!("{{{stream}")),
        ("{$i", format!("{{{SERVER}")),
        ("[$r]", "[$__rate_interval]".to_owned()),
    ];
    places.iter().fold(expression.to_owned(), |text, (place, labels)| text.replace(place, labels))
}
