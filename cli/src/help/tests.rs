use super::*;

fn walk(command: &Command, parent: &str, look: &mut dyn FnMut(&str, &Command)) {
    look(&table::key(parent, command.get_name()), command);
    let around = if command.get_name() == "help" { parent } else { command.get_name() };
    command.get_subcommands().for_each(|c| walk(c, around, look));
}

fn has_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// A verb, argument or value that somebody adds must get its Chinese.
#[test]
fn no_verb_argument_or_value_lacks_its_chinese() {
    let mut seen = 0;
    walk(&command(Lang::Zh), "", &mut |verb, command| {
        assert!(command.get_about().is_some_and(|a| has_chinese(&a.to_string())), "{verb}");
        for arg in command.get_arguments() {
            let id = arg.get_id();
            assert!(table::argument(verb, id.as_str()).is_some(), "{verb} {id}");
            assert!(arg.get_help().is_some_and(|h| has_chinese(&h.to_string())), "{verb} {id}");
            if arg.get_action().takes_values() {
                let names = arg.get_value_names().unwrap_or_default();
                assert!(names.iter().all(|n| has_chinese(n)), "{verb} {id} {names:?}");
                for value in arg.get_possible_values() {
                    assert!(table::value(value.get_name()).is_some(), "{verb} {id} {}", value.get_name());
                }
            }
            seen += 1;
        }
    });
    assert!(seen > 100, "{seen} arguments");
}

#[test]
fn no_english_is_left_in_the_chinese_help() {
    let command = command(Lang::Zh);
    let mut names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    names.retain(|n| n != "help");
    let mut pages = vec![command.clone().render_long_help().to_string()];
    for name in &names {
        let page = command.find_subcommand(name).unwrap().clone().render_long_help().to_string();
        assert!(page.contains("用法：waybell ") && page.contains("通用选项"), "{page}");
        pages.push(page);
    }
    for page in pages {
        for word in [
            "Usage",
            "Options",
            "Arguments",
            "Commands",
            "OPTIONS",
            "COMMAND",
            "default",
            "possible",
            "env:",
            "Print",
        ] {
            assert!(!page.contains(word), "{word}: {page}");
        }
    }
}

#[test]
fn own_options_stand_apart_from_the_common_ones() {
    for (lang, heading) in [(Lang::En, "Common options:"), (Lang::Zh, "通用选项:")] {
        let command = command(lang);
        let page = command.find_subcommand("notify").unwrap().clone().render_long_help().to_string();
        let examples = lang.pick("\n示例", "\nExamples");
        let page = page.split(examples).next().unwrap();
        let (own, common) = page.split_once(heading).unwrap();
        for word in ["--search", "--all", "--template", "--at", "--yes"] {
            assert!(own.contains(word) && !common.contains(&format!("{word} ")), "{word} in {page}");
        }
        for word in ["--server", "--data", "--lang", "--json", "--full", "--help"] {
            assert!(common.contains(word) && !own.contains(word), "{word} in {page}");
        }
    }
}

#[test]
fn usage_errors_are_told_in_chinese() {
    let told = |words: &[&str]| {
        let all = std::iter::once("waybell").chain(words.iter().copied());
        let error = command(Lang::Zh).try_get_matches_from(all).unwrap_err();
        errors::chinese(&error)
    };
    let text = |words: &[&str]| told(words).unwrap();
    assert!(
        text(&["notfy"]).starts_with("waybell: 没有命令“notfy”；是不是 notify？"),
        "{}",
        text(&["notfy"])
    );
    assert!(text(&["tasks", "--opne"]).contains("没有参数“--opne”；是不是 --open？"));
    assert!(text(&["login"]).contains("缺少 <登录名>"), "{}", text(&["login"]));
    assert!(text(&["login"]).contains("用法：waybell login"), "{}", text(&["login"]));
    assert!(text(&["stop-all", "maybe"]).contains("<开关> 不能是“maybe”；可选：on、off"));
    assert!(text(&["tasks", "--limit", "x"]).contains("不能是“x”"));
    assert!(text(&["notify", "--all", "--search", "x"]).contains("不能与"));
    assert!(text(&["tasks", "extra"]).contains("“extra”"));
    for words in [&["notfy"][..], &["login"], &["stop-all", "maybe"], &["notify", "--all", "--search", "x"]] {
        let said = text(words);
        assert!(!said.contains("error") && !said.contains("Usage") && !said.contains("help'"), "{said}");
    }
    assert_eq!(told(&["--help"]), None);
    assert_eq!(told(&["--version"]), None);
}
