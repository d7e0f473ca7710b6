//! File names that every system takes and no reader mistakes: Windows, macOS, Linux, WebDAV (R37).

/// Longest name in bytes of UTF-8. Leaves room below the 255 of most file systems, and below the 143 of eCryptfs.
const MAX_BYTES: usize = 120;
/// Longest extension that is kept when a name is cut, with its dot.
const MAX_EXTENSION: usize = 17;
/// Deepest path of folders.
const MAX_DEPTH: usize = 16;
/// Name of a file that has none.
const NAMELESS: &str = "attachment";

/// A safe form of a sender's file name: never empty, never a path, never hidden, never a device of Windows, at most 120 bytes.
#[must_use]
pub fn safe_file_name(name: &str) -> String {
    clean(name).unwrap_or_else(|| NAMELESS.to_owned())
}

/// `offer.pdf` and 2 give `offer (2).pdf`, again at most 120 bytes. The name must be safe.
#[must_use]
pub fn numbered(name: &str, n: u32) -> String {
    told_apart(name, &n.to_string())
}

/// `offer.pdf` and `x` give `offer (x).pdf`, again at most 120 bytes. The name must be safe, and the word short and of letters and digits.
#[must_use]
pub fn told_apart(name: &str, word: &str) -> String {
    let (stem, extension) = split_extension(name);
    let word = format!(" ({word})");
    let stem = cut(stem, MAX_BYTES.saturating_sub(word.len() + extension.len()));
    format!("{stem}{word}{extension}")
}

/// The folders of a customer's path, each safe; both slashes separate, empty parts, `.` and `..` vanish.
#[must_use]
pub fn safe_path(customer_folder: &str) -> Vec<String> {
    customer_folder.split(['/', '\\']).filter_map(clean).take(MAX_DEPTH).collect()
}

fn clean(name: &str) -> Option<String> {
    let mut safe = String::new();
    for c in name.chars().filter(|c| !is_invisible(*c)) {
        let c = match c {
            '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' => '_',
            c if c.is_whitespace() => ' ',
            c => c,
        };
        // Runs of blanks deceive the eye, and a cut could end in one.
        if c != ' ' || !safe.ends_with(' ') {
            safe.push(c);
        }
    }
    let trimmed = safe.trim_start_matches([' ', '.']).trim_end_matches([' ', '.']);
    if trimmed.is_empty() {
        return None;
    }
    let guarded = if is_device(trimmed) { format!("_{trimmed}") } else { trimmed.to_owned() };
    if guarded.len() <= MAX_BYTES {
        return Some(guarded);
    }
    let (stem, extension) = split_extension(&guarded);
    Some(format!("{}{extension}", cut(stem, MAX_BYTES - extension.len())))
}

/// Control characters, and those that reorder or hide text: a name with them shows another extension than it has.
fn is_invisible(c: char) -> bool {
    c.is_control() && !c.is_whitespace()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}

/// Names that Windows keeps for devices, with any extension and in any case.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$") {
        return true;
    }
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    port.is_some_and(|digit| matches!(digit.chars().collect::<Vec<_>>().as_slice(), ['0'..='9' | '¹' | '²' | '³']))
}

/// Stem and extension with its dot; the extension is empty when there is none, or when it is too long to be one.
fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= MAX_EXTENSION => name.split_at(at),
        _ => (name, ""),
    }
}

/// At most `bytes` bytes of `text`, at a border of characters, not ending in a blank or dot.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.split_at(end).0.trim_end_matches([' ', '.'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn r37_ordinary_names_stay_as_they_are() {
        for name in ["offer.pdf", "Angebot Müller & Söhne (3).docx", "日本語.txt", "archive.tar.gz", "no extension", "a"] {
            assert_eq!(safe_file_name(name), name);
        }
    }

    #[test]
    fn r37_unsafe_names_become_safe() {
        for (name, safe) in [
            ("", "attachment"),
            ("...", "attachment"),
            (" . ", "attachment"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("C:\\Windows\\x.exe", "C__Windows_x.exe"),
            ("a<b>c:d\"e/f\\g|h?i*j", "a_b_c_d_e_f_g_h_i_j"),
            ("file.txt::$DATA", "file.txt__$DATA"),
            (".htaccess", "htaccess"),
            ("offer.pdf. . ", "offer.pdf"),
            ("a\0b\nc\td", "ab c d"),
            ("  wide   name\u{3000}.pdf", "wide name .pdf"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("Com1 .tar.gz", "_Com1 .tar.gz"),
            ("LPT².doc", "_LPT².doc"),
            ("conin$", "_conin$"),
            ("COM10.txt", "COM10.txt"),
            ("CONSOLE", "CONSOLE"),
        ] {
            assert_eq!(safe_file_name(name), safe, "{name:?}");
        }
    }

    #[test]
    fn r37_a_long_name_is_cut_and_keeps_its_extension() {
        let long = safe_file_name(&format!("{}.pdf", "ü".repeat(200)));
        assert!(long.len() <= MAX_BYTES && long.len() >= MAX_BYTES - 1 && long.ends_with("ü.pdf"));
        assert_eq!(safe_file_name(&format!("a.{}", "x".repeat(500))).len(), MAX_BYTES);
    }

    #[test]
    fn r37_numbers_stand_before_the_extension() {
        assert_eq!(numbered("offer.pdf", 2), "offer (2).pdf");
        assert_eq!(numbered("offer", 12), "offer (12)");
        let long = numbered(&safe_file_name(&format!("{}.pdf", "x".repeat(200))), 1000);
        assert!(long.len() == MAX_BYTES && long.ends_with("x (1000).pdf"));
    }

    #[test]
    fn r37_a_customers_path_never_leaves_the_web_folder() {
        assert_eq!(safe_path("Customers/Müller GmbH/2026"), ["Customers", "Müller GmbH", "2026"]);
        assert_eq!(safe_path("/../..\\x//./ /CON/C:/"), ["x", "_CON", "C_"]);
        assert!(safe_path("").is_empty());
        assert_eq!(safe_path(&"a/".repeat(1000)).len(), MAX_DEPTH);
    }

    fn assert_safe(name: &str) -> Result<(), TestCaseError> {
        prop_assert!(!name.is_empty() && name.len() <= MAX_BYTES, "{:?}", name);
        prop_assert!(!name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']), "{:?}", name);
        prop_assert!(!name.contains(['<', '>', ':', '"', '/', '\\', '|', '?', '*']), "{:?}", name);
        prop_assert!(!name.chars().any(|c| c.is_control() || is_invisible(c)), "{:?}", name);
        prop_assert!(!is_device(name), "{:?}", name);
        Ok(())
    }

    /// Names made of what is dangerous, and long.
    const HOSTILE: &str = "(\\PC{0,3}|[ .]{0,4}|CON|com¹|\\.pdf|[a-ü]{0,130}|[\u{0}-\u{20}\u{200e}\u{202e}<>:\"/\\\\|?*]{0,3}){0,6}";

    proptest! {
        #[test]
        fn r37_every_name_becomes_safe_and_stays_so(name in HOSTILE) {
            let safe = safe_file_name(&name);
            assert_safe(&safe)?;
            prop_assert_eq!(safe_file_name(&safe), safe);
        }

        #[test]
        fn r37_numbered_names_are_safe_and_differ(name in HOSTILE, n in 1..100_000_u32) {
            let safe = safe_file_name(&name);
            assert_safe(&numbered(&safe, n))?;
            prop_assert_ne!(numbered(&safe, n), numbered(&safe, n + 1));
        }

        #[test]
        fn r37_every_folder_of_a_path_is_safe(path in HOSTILE) {
            for folder in safe_path(&path) {
                assert_safe(&folder)?;
            }
        }
    }
}
