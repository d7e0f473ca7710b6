//! How fast iCalendar objects are mapped: `cargo run --release --example mapping -- FOLDER` reads every `.ics` of a folder that holds an
//! appointment or a task, repeats them to 50 MB, and compares reading, mapping and editing with calcard's bare parsing, in one run.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a measurement")]

use std::time::Instant;

use crmsync::groupware::PartEdit;
use crmsync::groupware::ical::{Context, edit, read};
use crmsync::model::{Field, Value};

const BYTES: usize = 50_000_000;

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "protocol-fixtures/ical".to_owned());
    let context = Context::default();
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts: Vec<String> =
        paths.filter_map(|path| std::fs::read_to_string(path).ok()).filter(|text| read(text, &context).is_ok()).collect();
    let once: usize = texts.iter().map(String::len).sum();
    let times = BYTES / once + 1;
    println!("{} objects, {once} bytes, {times} times", texts.len());
    let speed = |name: &str, work: &dyn Fn(&str) -> usize| {
        let began = Instant::now();
        let mut result = 0;
        for _ in 0..times {
            for text in &texts {
                result += work(text);
            }
        }
        let speed = (once * times) as f64 / began.elapsed().as_secs_f64() / 1e6;
        println!("{name}: {speed:.1} MB/s ({result})");
        speed
    };
    let subject = [Field::Subject].map(|field| (field, Some(Value::Text("Neuer Titel".to_owned()))));
    for _ in 0..3 {
        let calcard =
            speed("calcard parses", &|text| calcard::icalendar::ICalendar::parse(text).map_or(0, |object| object.components.len()));
        speed("crmsync reads", &|text| read(text, &context).map_or(0, |item| item.parts.len()));
        let ours = speed("crmsync reads and edits", &|text| {
            let item = read(text, &context).unwrap();
            let recurrence_id = item.parts.first().and_then(|part| part.recurrence_id.clone());
            let changes = subject.clone().into();
            edit(&item, &[PartEdit::Set { recurrence_id, changes, link: None }], &context).unwrap().len()
        });
        println!("ratio {:.2}", ours / calcard);
    }
}
