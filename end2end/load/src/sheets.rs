//! The reference deployment as a district would send it: Yichang's units with 15,000 grids, a post in each, who holds it, and how to reach them.

use crate::town::{GIVEN, GRIDS, SURNAMES, UNITS};
use domain::import::{
    template::to_csv,
    workbook::{Page, write},
};
use std::{fs, path::Path};

/// Heads and rows.
pub type Rows = Vec<Vec<String>>;

pub struct Sheets {
    pub units: Rows,
    pub posts: Rows,
    pub staff: Rows,
    pub holdings: Rows,
    /// The grids with everything of theirs in one row.
    pub roster: Rows,
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

pub fn yichang() -> Result<Sheets, String> {
    let mut sheets = Sheets {
        units: vec![cells(["代码", "单位名称", "类别", "上级代码"])],
        posts: vec![cells(["单位代码", "岗位名称", "岗位英文名称"])],
        staff: vec![cells(["姓名", "邮箱", "联系电话", "职务", "单位代码"])],
        holdings: vec![cells(["单位代码", "岗位名称", "邮箱"])],
        roster: vec![cells(["网格代码", "网格名称", "上级代码", "岗位", "网格员姓名", "邮箱", "联系电话"])],
    };
    let mut communities = Vec::new();
    for line in UNITS.lines().skip(1) {
        let [code, parent, kind, name] = line.splitn(4, ',').collect::<Vec<_>>()[..] else { return Err(line.to_owned()) };
        if kind == "community" {
            communities.push((code, name));
        }
        sheets.units.push(cells([code, name, kind, parent]));
    }
    for grid in 0..GRIDS {
        let (community, name) = communities[grid % communities.len()];
        let number = grid / communities.len() + 1;
        let (code, name) = (format!("{community}-{number:02}"), format!("{name}第{number}网格"));
        let person = format!("{}{}", SURNAMES[grid % SURNAMES.len()], GIVEN[(grid / SURNAMES.len()) % GIVEN.len()]);
        let (email, phone) = (format!("worker{grid}@town.example"), format!("1380{grid:07}"));
        sheets.units.push(cells([&code, &name, "grid", community]));
        sheets.posts.push(cells([&code, "网格员", "Grid worker"]));
        sheets.staff.push(cells([&person, &email, &phone, "专职网格员", &code]));
        sheets.holdings.push(cells([&code, "网格员", &email]));
        sheets.roster.push(cells([&code, &name, community, "网格员", &person, &email, &phone]));
    }
    Ok(sheets)
}

impl Sheets {
    /// Everything in one workbook, as the page offers it as a template.
    pub fn workbook(&self) -> Result<Vec<u8>, String> {
        let page = |name: &str, rows: &Rows| Page { name: name.to_owned(), rows: rows.clone() };
        let pages = [page("单位", &self.units), page("岗位", &self.posts), page("人员", &self.staff), page("任职", &self.holdings)];
        write(&pages).map_err(|e| e.to_string())
    }

    /// Writes all of them into a folder.
    pub fn save(&self, folder: &Path) -> Result<(), String> {
        let save = |name: &str, bytes: Vec<u8>| fs::write(folder.join(name), bytes).map_err(|e| format!("{}: {e}", folder.join(name).display()));
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        save("yichang.xlsx", self.workbook()?)?;
        save("units.csv", to_csv(&self.units))?;
        save("posts.csv", to_csv(&self.posts))?;
        save("staff.csv", to_csv(&self.staff))?;
        save("holdings.csv", to_csv(&self.holdings))?;
        save("roster.csv", to_csv(&self.roster))
    }
}
