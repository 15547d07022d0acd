#[cfg(test)]
mod tests { use model::Language;
#[test] fn x(){ assert_eq!(crate::t!(Language::English, common.hello, name = "a"), "Hello, a"); assert_eq!(crate::t!(Language::English, common.name), "Linli"); } }
