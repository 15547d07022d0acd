use crate::{Code, Result, bundle::Bundle, face::Faces, pdf::Pdf, poster, sticker};
use i18n::t;
use model::{Language::Chinese, PrintFormat};
use std::io::{self, Write};

pub fn extension(format: PrintFormat) -> &'static str {
    match format {
        PrintFormat::Posters | PrintFormat::Stickers => "pdf",
        PrintFormat::Svg => "zip",
    }
}

pub fn media_type(format: PrintFormat) -> &'static str {
    match format {
        PrintFormat::Posters | PrintFormat::Stickers => "application/pdf",
        PrintFormat::Svg => "application/zip",
    }
}

/// What a finished file is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub codes: usize,
    pub bytes: u64,
    /// Characters that no font here has, printed as empty boxes.
    pub missing: String,
}

/// Prints one code after the other into something that takes bytes.
pub struct Printer<W: Write> {
    paper: Paper<W>,
    codes: usize,
}

enum Paper<W: Write> {
    Posters(Box<Pdf<Counted<W>>>, Faces),
    Stickers(Box<Pdf<Counted<W>>>, Faces, Vec<Code>),
    Svg(Box<Bundle<Counted<W>>>),
}

impl<W: Write> Printer<W> {
    pub fn begin(format: PrintFormat, out: W) -> Result<Printer<W>> {
        let out = Counted { out, bytes: 0 };
        let mut faces = Faces::new();
        let paper = match format {
            PrintFormat::Posters => {
                let mut pdf = Pdf::begin(out)?;
                pdf.form(&poster::form(&mut faces)?)?;
                Paper::Posters(Box::new(pdf), faces)
            }
            PrintFormat::Stickers => {
                let mut pdf = Pdf::begin(out)?;
                pdf.form(&sticker::form(&mut faces))?;
                Paper::Stickers(Box::new(pdf), faces, Vec::new())
            }
            PrintFormat::Svg => Paper::Svg(Box::new(Bundle::begin(out)?)),
        };
        Ok(Printer { paper, codes: 0 })
    }

    pub fn add(&mut self, code: Code) -> Result<()> {
        self.codes += 1;
        match &mut self.paper {
            Paper::Posters(pdf, faces) => pdf.page(&poster::page(faces, &code)?),
            Paper::Stickers(pdf, faces, waiting) => {
                waiting.push(code);
                if waiting.len() < sticker::ON_A_PAGE {
                    return Ok(());
                }
                pdf.page(&sticker::page(faces, &std::mem::take(waiting))?)
            }
            Paper::Svg(bundle) => bundle.add(&code),
        }
    }

    pub fn finish(self) -> Result<Made> {
        let title = t!(Chinese, print.codes);
        let (out, missing) = match self.paper {
            Paper::Posters(pdf, faces) => {
                let missing = faces.missing.iter().collect();
                (pdf.finish(&title, &faces)?, missing)
            }
            Paper::Stickers(mut pdf, mut faces, waiting) => {
                if !waiting.is_empty() {
                    pdf.page(&sticker::page(&mut faces, &waiting)?)?;
                }
                let missing = faces.missing.iter().collect();
                (pdf.finish(&title, &faces)?, missing)
            }
            Paper::Svg(bundle) => (bundle.finish()?, String::new()),
        };
        Ok(Made { codes: self.codes, bytes: out.bytes, missing })
    }
}

struct Counted<W: Write> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::tests::code;
    use model::{CheckPhrase, PointCode};
    use std::{collections::BTreeSet, path::Path, process::Command};

    fn codes(count: u8) -> Vec<Code> {
        (0..count)
            .map(|i| {
                let point = PointCode::from_bits([i, i / 3, 7, 9, 30, 2, i % 5, 1]);
                let url = format!("https://linli.xiling.example/q/{point}");
                Code { code: point, url, check_phrase: CheckPhrase::from_bits([i, i + 1, i + 2, i + 3]), place: format!("{i}号楼东门"), ..code() }
            })
            .collect()
    }

    fn printed(format: PrintFormat, codes: &[Code]) -> (Vec<u8>, Made) {
        let mut file = Vec::new();
        let mut printer = Printer::begin(format, &mut file).unwrap();
        codes.iter().for_each(|code| printer.add(code.clone()).unwrap());
        let made = printer.finish().unwrap();
        (file, made)
    }

    fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
        let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap_or_else(|e| panic!("{program}: {e}; run scripts/setup.sh test"));
        // zbarimg says with 4 that a picture has no code in it, which is then missing.
        assert!(output.status.success() || program == "zbarimg", "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Rendered as a printer does, and read as a phone does.
    fn decoded(file: &[u8]) -> BTreeSet<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("codes.pdf"), file).unwrap();
        run("pdftoppm", &["-r", "100", "-gray", "-png", "codes.pdf", "page"], folder.path());
        let mut pictures: Vec<String> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        pictures.retain(|name| name.ends_with(".png"));
        let arguments: Vec<&str> = ["--quiet", "--raw"].into_iter().chain(pictures.iter().map(String::as_str)).collect();
        run("zbarimg", &arguments, folder.path()).lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_code_on_posters_and_stickers_is_read_from_the_rendered_page() {
        let codes = codes(17);
        let urls: BTreeSet<String> = codes.iter().map(|code| code.url.clone()).collect();
        for format in [PrintFormat::Posters, PrintFormat::Stickers] {
            let (file, made) = printed(format, &codes);
            assert_eq!(decoded(&file), urls, "{format}");
            assert_eq!((made.codes, made.bytes, made.missing.as_str()), (17, file.len() as u64, ""));
        }
    }

    #[test]
    fn the_words_are_in_the_file_as_text_in_embedded_fonts_in_both_languages() {
        let (file, _) = printed(PrintFormat::Posters, &codes(70));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("codes.pdf"), &file).unwrap();
        let text = run("pdftotext", &["-f", "3", "-l", "3", "codes.pdf", "-"], folder.path());
        for part in [
            "桃花岭社区第三网格",
            "网格员",
            "Grid worker",
            "2号楼东门",
            "https://linli.xiling.example/q/".trim_start_matches("https://"),
            "扫一扫",
            "jiāng",
            "119",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let fonts = run("pdffonts", &["codes.pdf"], folder.path());
        assert_eq!(fonts.lines().filter(|line| line.contains("NotoSansSC") && line.contains("yes yes yes")).count(), 2, "{fonts}");
        assert!(run("pdfinfo", &["codes.pdf"], folder.path()).contains("Pages:           70"));
        // Only the glyphs that are on the pages: the faces have nearly two million bytes each.
        assert!(file.len() < 70 * 6_000 + 150_000, "{}", file.len());
    }

    #[test]
    fn a_rare_character_comes_from_a_font_of_the_machine_and_one_that_nobody_has_is_named() {
        let rare = Code { unit: "龥家台网格".to_owned(), place: "\u{F8FE}门".to_owned(), ..code() };
        let (file, made) = printed(PrintFormat::Posters, &[rare]);
        assert_eq!(made.missing, "\u{F8FE}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("codes.pdf"), &file).unwrap();
        assert!(run("pdftotext", &["codes.pdf", "-"], folder.path()).contains("龥家台网格"));
        assert!(run("pdffonts", &["codes.pdf"], folder.path()).lines().filter(|line| line.contains("yes yes yes")).count() >= 3);
        // Still only what was used of it.
        assert!(file.len() < 100_000, "{}", file.len());
    }

    #[test]
    fn names_as_long_as_they_may_be_stay_on_the_page() {
        let long = Code {
            unit: "长".repeat(60),
            title: "岗".repeat(40),
            unit_en: Some("Long name ".repeat(10)),
            title_en: Some("T".repeat(80)),
            place: "处".repeat(40),
            place_en: Some("Place ".repeat(13)),
            topic: Some("题".repeat(40)),
            ..code()
        };
        for format in [PrintFormat::Posters, PrintFormat::Stickers] {
            let (file, _) = printed(format, std::slice::from_ref(&long));
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("codes.pdf"), &file).unwrap();
            let boxes = run("pdftotext", &["-bbox", "codes.pdf", "-"], folder.path());
            let right = boxes.split("xMax=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<f32>().ok());
            let widest = right.fold(0.0, f32::max);
            assert!(widest > 100.0 && widest < crate::pdf::WIDTH - 10.0, "{format}: {widest}");
            assert_eq!(decoded(&file).len(), 1);
        }
    }

    #[test]
    fn no_code_at_all_is_still_a_file() {
        for format in PrintFormat::ALL.iter().copied() {
            let (file, made) = printed(format, &[]);
            assert_eq!((made.codes, made.bytes), (0, file.len() as u64));
        }
    }
}
