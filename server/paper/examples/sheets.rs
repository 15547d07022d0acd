//! Prints a few made-up codes, to look at: `cargo run -p paper --example sheets FOLDER [HOW MANY]`.

use model::{CheckPhrase, PointCode, PrintFormat, UnitKind};
use paper::{Code, Printer, extension};
use std::{env, error::Error, fs::File, path::PathBuf, time::Instant};

fn code(i: usize) -> Code {
    let bits = |salt: usize| u8::try_from((i / 32_usize.pow(salt as u32 % 3) + salt * 13) % 32).unwrap_or(0);
    let code = PointCode::from_bits([bits(0), bits(1), bits(2), bits(3), bits(4), bits(5), bits(6), bits(7)]);
    let is_long = i % 5 == 3;
    Code {
        url: format!("https://linli.xiling.example/q/{code}"),
        code,
        check_phrase: CheckPhrase::from_bits([bits(8), bits(9) + 1, bits(10) + 32, bits(11)]),
        unit_kind: UnitKind::Grid,
        unit: if is_long {
            "宜昌市西陵区云集街道桃花岭社区居民委员会第三网格".to_owned()
        } else {
            "桃花岭社区第三网格".to_owned()
        },
        unit_en: i.is_multiple_of(2).then(|| "Taohualing Community, Grid 3".to_owned()),
        unit_code: Some("42050200300603".to_owned()),
        title: "网格员".to_owned(),
        title_en: i.is_multiple_of(2).then(|| "Grid worker".to_owned()),
        place: if is_long { "解放路步行街北段十二号楼地下车库东入口右侧墙面".to_owned() } else { format!("{}号楼东门", i + 1) },
        place_en: i.is_multiple_of(2).then(|| format!("Building {}, east door", i + 1)),
        topic: (i % 3 == 1).then(|| "楼道照明报修".to_owned()),
        hours: ["周一至周五 8:30–12:00、14:30–18:00".to_owned(), "Mon–Fri 8:30–12:00, 14:30–18:00".to_owned()],
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let count = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(16);
    for format in PrintFormat::ALL.iter().copied() {
        let file = folder.join(format!("{format}.{}", extension(format)));
        let began = Instant::now();
        let mut printer = Printer::begin(format, File::create(&file)?)?;
        for i in 0..count {
            printer.add(code(i))?;
        }
        let made = printer.finish()?;
        println!("{}: {} codes, {} bytes, {:.2} s", file.display(), made.codes, made.bytes, began.elapsed().as_secs_f64());
    }
    Ok(())
}
