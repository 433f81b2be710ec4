//! What damage looks like: bytes, texts and JSON documents.

use serde_json::{Map, Value, json};

use super::engine::Chance;

/// Pieces that parsers stumble over.
const PIECES: &[&str] = &[
    "",
    "0",
    "-1",
    "1e309",
    "-0",
    "NaN",
    "Infinity",
    "18446744073709551616",
    "9223372036854775808",
    "99999999999999999999999999999999",
    "0.00000000000000000000000000000001",
    "79228162514264337593543950336",
    "null",
    "true",
    "{}",
    "[]",
    "\"",
    "'",
    "\\",
    "%",
    "%00",
    "%zz",
    "%C0%AF",
    "\0",
    "\r\n",
    "\u{202e}",
    "\u{feff}",
    "한",
    "ñ",
    "🥚",
    "é",
    "=",
    "==",
    "&",
    ";",
    ",",
    "|",
    "^",
    ".",
    "..",
    "/",
    "//",
    "../",
    ":",
    "::ffff:",
    "/0",
    "/33",
    "2026-02-30",
    "20261399",
    "245961",
    "9999-12-31T23:59:60Z",
    "-9999",
    " ",
    "\t",
    "\u{a0}",
    "A",
    "=1+1",
    "egg_",
];

/// One to four damages to bytes; `others` are what pieces of are put in.
pub fn bytes(chance: &mut Chance, sample: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let mut out = sample.to_vec();
    for _ in 0..=chance.below(4) {
        damage(chance, &mut out, others);
    }
    out
}

fn range(chance: &mut Chance, length: usize) -> std::ops::Range<usize> {
    let from = chance.below(length + 1);
    // Mostly short ones: a file that is half gone says less.
    let most = if chance.once_in(4) { length - from } else { (length - from).min(16) };
    from..from + chance.below(most + 1)
}

fn damage(chance: &mut Chance, out: &mut Vec<u8>, others: &[Vec<u8>]) {
    let length = out.len();
    match chance.below(10) {
        0 | 1 if length > 0 => {
            let at = chance.below(length);
            out[at] ^= 1 << chance.below(8);
        }
        2 if length > 0 => {
            let at = chance.below(length);
            out[at] = *chance.pick(&[0, 0xff, 0x7f, 0x80, b'\n', b'"', b' ', b'0', b'9', b'A']);
        }
        3 => out.truncate(chance.below(length + 1)),
        4 => {
            let gone = range(chance, length);
            out.drain(gone);
        }
        5 => {
            let part = out[range(chance, length)].to_vec();
            let at = chance.below(length + 1);
            out.splice(at..at, part);
        }
        6 | 7 => {
            let piece = chance.pick(PIECES).as_bytes();
            let place = if chance.once_in(2) {
                range(chance, length)
            } else {
                let at = chance.below(length + 1);
                at..at
            };
            out.splice(place, piece.iter().copied());
        }
        8 if !others.is_empty() => {
            let other = chance.pick(others);
            let part = other[range(chance, other.len())].to_vec();
            out.splice(range(chance, length), part);
        }
        _ => {
            // A number becomes another one.
            let digits: Vec<usize> = out.iter().enumerate().filter(|(_, b)| b.is_ascii_digit()).map(|(at, _)| at).collect();
            if !digits.is_empty() {
                let at = *chance.pick(&digits);
                out[at] = b'0' + u8::try_from(chance.below(10)).unwrap();
            }
        }
    }
}

/// The same for a text.
pub fn text(chance: &mut Chance, sample: &str) -> String {
    String::from_utf8_lossy(&bytes(chance, sample.as_bytes(), &[])).into_owned()
}

/// One to three damages to a document.
pub fn json(chance: &mut Chance, sample: &Value) -> Value {
    let mut out = sample.clone();
    for _ in 0..=chance.below(3) {
        let mut places = Vec::new();
        pointers(&out, String::new(), &mut places);
        if places.is_empty() {
            return out;
        }
        let place = chance.pick(&places).clone();
        let elsewhere = out.pointer(chance.pick::<String>(&places)).cloned().unwrap_or_default();
        wound(chance, &mut out, &place, elsewhere);
    }
    out
}

fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    let mut visit = |name: &str, child: &Value| {
        let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        found.push(place.clone());
        pointers(child, place, found);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, child)| visit(name, child)),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, child)| visit(&n.to_string(), child)),
        _ => {}
    }
}

fn wound(chance: &mut Chance, document: &mut Value, place: &str, elsewhere: Value) {
    let (parent, name) = place.rsplit_once('/').unwrap();
    match (chance.below(8), document.pointer_mut(parent)) {
        (0, Some(Value::Object(members))) => {
            members.remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        (0, Some(Value::Array(items))) => {
            items.remove(name.parse().unwrap());
        }
        (1, Some(Value::Array(items))) => {
            let again = items[name.parse::<usize>().unwrap()].clone();
            items.extend(std::iter::repeat_n(again, 1 + chance.below(3)));
        }
        _ => {
            if let Some(value) = document.pointer_mut(place) {
                *value = another(chance, value, elsewhere);
            }
        }
    }
}

/// What may stand in a value's place.
fn another(chance: &mut Chance, value: &Value, elsewhere: Value) -> Value {
    let other_kind = |value: &Value| match value {
        Value::String(text) => text.trim().parse::<f64>().ok().and_then(serde_json::Number::from_f64).map_or(json!(7), Value::Number),
        Value::Number(number) => json!(number.to_string()),
        Value::Bool(flag) => json!(u8::from(*flag)),
        Value::Array(items) => items.first().cloned().unwrap_or(Value::Null),
        Value::Object(members) => Value::Array(members.values().cloned().collect()),
        Value::Null => json!({}),
    };
    match chance.below(9) {
        0 => Value::Null,
        1 | 2 => other_kind(value),
        3 => json!(chance.pick(PIECES)),
        4 => json!([value]),
        5 => elsewhere,
        6 => (0..1 + chance.below(40)).fold(value.clone(), |inner, _| Value::Object(Map::from_iter([("a".to_owned(), inner)]))),
        7 => match value {
            Value::Number(_) => chance.pick(&[json!(-1), json!(0), json!(u64::MAX), json!(i64::MIN), json!(1e300), json!(0.1)]).clone(),
            _ => json!("x".repeat(chance.below(5_000))),
        },
        _ => match value {
            Value::String(inner) => json!(text(chance, inner)),
            Value::Number(number) => serde_json::from_str(&text(chance, &number.to_string())).unwrap_or(json!(1e18)),
            _ => json!({"": value}),
        },
    }
}

/// A base with changes of it. The base may be another in every process, as tokens are, while the changes
/// stay. A change is an operation, a place (two bytes, read as often as the base is long), a length and, for
/// what puts something in, as many bytes; what is no whole change is left out. No change is the base itself.
pub fn script(base: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut out = base.to_vec();
    let mut rest = changes;
    while let [operation, high, low, length, tail @ ..] = rest {
        let at = usize::from(u16::from_be_bytes([*high, *low])) % (out.len() + 1);
        let length = usize::from(*length);
        let to = (at + length).min(out.len());
        let (piece, after) = tail.split_at(if operation % 4 < 2 { length.min(tail.len()) } else { 0 });
        match operation % 4 {
            0 => drop(out.splice(at..at, piece.iter().copied())),
            1 => drop(out.splice(at..(at + piece.len()).min(out.len()), piece.iter().copied())),
            2 => drop(out.drain(at..to)),
            _ => {
                let part = out[at..to].to_vec();
                out.splice(at..at, part);
            }
        }
        rest = after;
    }
    out
}

/// One to three changes for [`script`], or another form of some.
pub fn changes(chance: &mut Chance, old: &[u8]) -> Vec<u8> {
    if !old.is_empty() && chance.once_in(2) {
        return bytes(chance, old, &[]);
    }
    let mut out = Vec::new();
    for _ in 0..=chance.below(3) {
        let place = u16::try_from(chance.below(1 << 16)).unwrap().to_be_bytes();
        out.push(u8::try_from(chance.below(4)).unwrap());
        out.extend(place);
        let piece: Vec<u8> = if chance.once_in(2) {
            chance.pick(PIECES).bytes().collect()
        } else {
            (0..=chance.below(3)).map(|_| b'!' + u8::try_from(chance.below(94)).unwrap()).collect()
        };
        out.push(u8::try_from(piece.len()).unwrap());
        if out[out.len() - 4] < 2 {
            out.extend(piece);
        }
    }
    out
}

/// A document as bytes, now and then damaged as such; what is none is damaged as bytes.
pub fn any_document(chance: &mut Chance, sample: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<Value>(sample) {
        Ok(sample) => document(chance, &sample),
        Err(_) => bytes(chance, sample, &[]),
    }
}

/// A document as bytes, now and then damaged as such.
pub fn document(chance: &mut Chance, sample: &Value) -> Vec<u8> {
    let text = json(chance, sample).to_string().into_bytes();
    if chance.once_in(4) { bytes(chance, &text, &[]) } else { text }
}
