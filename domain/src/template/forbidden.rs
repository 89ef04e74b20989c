//! Words that no notice may hold, however they are written.
//!
//! Text and words are folded to one spelling before they are compared: compatibility forms (full width, circled), case, accents,
//! traditional and variant characters, letters of other scripts that look Latin. Spaces, signs and invisible characters between
//! the characters of a word are nothing. A word can also arise where two ordinary ones meet (刷|单元, 途中，|奖状): those are left
//! out.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words of fraud and advertising. A notice that holds one is taken for spam by those who are rung, and by the carriers.
const FORBIDDEN: &[&str] = &[
    "中奖",
    "贷款",
    "借款",
    "投资",
    "理财",
    "股票",
    "彩票",
    "博彩",
    "返利",
    "刷单",
    "兼职",
    "验证码",
    "银行卡",
    "转账",
    "汇款",
    "密码",
    "身份证号",
    "加微信",
    "优惠券",
    "公安局",
    "法院传票",
    "lottery",
    "loan",
    "investment",
    "verification code",
    "bank card",
    "password",
];

/// Ordinary words that hold a forbidden one, or in which one arises: folded. `|` is the end of a sentence or of its part.
const ORDINARY: &[&str] = &[
    "刷单元",
    "刷|单",
    "办理财务",
    "管理财务",
    "处理财务",
    "代理财务",
    "办理财产",
    "管理财产",
    "处理财产",
    "理|财",
    "投资料",
    "投|资",
    "投资大厦",
    "投资广场",
    "投资中心",
    "返|利",
    "银行|卡",
    "彩票店",
    "公安局家属",
    "公安局宿舍",
    "公安局小区",
    "公安局对面",
    "公安局旁",
    "公安局门口",
    "公安局附近",
    "家中奖状",
    "途中奖状",
    "高中奖学金",
    "初中奖学金",
    "途中|奖",
    "送中|奖",
    "输中|奖",
    "程中|奖",
    "家中|奖",
    "手中|奖",
    "其中|奖",
    "集中|奖",
    "高中|奖",
    "初中|奖",
];

/// Traditional and variant characters, each before its simplified one: those of [`FORBIDDEN`], and common ones that an
/// organisation's own words hold.
const SIMPLIFIED: &str = "獎奖奬奖貸贷欵款資资貲资財财綵彩單单単单職职聀职驗验験验證证証证碼码銀银轉转転转賬账帳账帐账匯汇滙汇彙汇號号優优恵惠劵券傳传伝传雙双萬万與与專专業业東东絲丝兩两嚴严喪丧個个豐丰臨临為为麗丽舉举\
    義义烏乌樂乐喬乔習习鄉乡書书買买亂乱爭争虧亏雲云亞亚產产畝亩親亲億亿僅仅從从侖仑倉仓儀仪們们價价眾众會会偉伟俠侠側侧偵侦儉俭債债傾倾償偿儲储兒儿兌兑黨党蘭兰關关興兴養养獸兽內内岡冈冊册寫写軍军\
    農农馮冯沖冲決决況况凍冻淨净準准涼凉減减湊凑鳳凤憑凭凱凯擊击劉刘則则剛刚創创刪删別别剎刹劑剂劍剑劇剧勸劝辦办務务動动勵励勁劲勞劳勢势勝胜區区醫医華华協协賣卖盧卢衛卫卻却廠厂廳厅曆历歷历壓压廈厦\
    廚厨縣县參参發发髮发變变疊叠葉叶嘆叹臺台後后嚇吓嗎吗啟启員员聽听園园圍围國国圖图圓圆聖圣場场壞坏塊块堅坚壇坛壩坝墳坟墜坠壟垄壘垒報报壯壮聲声殼壳處处備备復复複复夠够頭头夾夹奪夺奮奋婦妇媽妈孫孙\
    學学寧宁寶宝實实寵宠審审憲宪宮宫寬宽賓宾寢寝對对尋寻導导壽寿將将爾尔塵尘嘗尝屆届層层屬属歲岁豈岂島岛嶺岭幣币帥帅師师帶带幫帮庫库應应廟庙慶庆廢废開开異异棄弃張张彌弥彎弯彈弹強强歸归當当錄录徑径\
    徹彻恆恒懷怀態态憐怜總总戀恋惡恶慣惯憤愤願愿懶懒戲戏戰战戶户撲扑執执擴扩掃扫揚扬擾扰撫抚搶抢護护擔担擬拟擁拥擇择擋挡揮挥損损換换據据擺摆搖摇攤摊敵敌數数齋斋鬥斗斷断無无舊旧時时暢畅曉晓曬晒暫暂\
    術术機机殺杀雜杂權权條条來来楊杨極极構构樞枢樹树樣样橋桥檔档檢检樓楼歡欢歐欧殘残氣气漢汉湯汤溝沟沒没淚泪潔洁濟济渾浑測测濃浓渦涡潤润漲涨滿满漁渔滬沪濱滨灣湾濕湿滅灭燈灯靈灵災灾爐炉點点煉炼爛烂\
    煙烟煩烦燒烧熱热爺爷牆墙獨独獄狱環环現现瑪玛瓊琼電电畫画療疗瘋疯皺皱盜盗蓋盖監监盤盘睜睁著着礦矿磚砖礎础確确禮礼禍祸離离種种積积稱称穩稳窮穷競竞筆笔筍笋築筑籌筹簽签簡简籃篮類类糧粮緊紧糾纠紅红\
    約约級级紀纪純纯紙纸紋纹細细織织終终組组經经結结繞绕給给絕绝統统繼继績绩續续維维綜综綠绿網网緩缓編编緣缘線线練练縮缩繪绘繳缴罰罚羅罗聯联聰聪肅肃腸肠膚肤腫肿脹胀脅胁臉脸臘腊艦舰艱艰藝艺節节蘇苏\
    蘋苹莊庄莖茎薦荐藥药獲获營营薩萨蔣蒋藍蓝蟲虫雖虽補补製制裝装襲袭見见觀观規规視视覺觉覽览觸触譽誉計计訂订認认討讨讓让訊讯議议記记講讲許许論论設设訪访評评識识訴诉詞词試试詩诗話话詢询該该詳详語语\
    誤误說说請请諸诸讀读課课誰谁調调談谈謀谋謝谢貝贝貞贞負负貢贡責责賢贤敗败貨货質质販贩貪贪貧贫購购貯贮貫贯貴贵費费賀贺賊贼賭赌賴赖賺赚賽赛贈赠贏赢趕赶趙赵躍跃車车軌轨軟软輕轻載载較较輔辅輛辆輩辈\
    輪轮輯辑輸输辭辞邊边達达遷迁過过運运還还這这進进遠远連连遲迟適适選选遞递遺遗鄧邓鄭郑郵邮醜丑釋释裡里裏里針针釣钓鈔钞鋼钢鑰钥錢钱鐘钟鐵铁鈴铃鉛铅銅铜鋪铺鏈链銷销鎖锁鍋锅錯错鍵键鎮镇鏡镜長长門门\
    閃闪閉闭問问間间聞闻閱阅闊阔隊队陽阳陰阴陣阵階阶際际陸陆陳陈險险隨随難难靜静頂顶頁页項项順顺須须預预領领頻频題题額额顏颜顧顾風风飛飞飯饭飲饮飾饰館馆馬马駕驾騙骗騰腾驚惊魚鱼鮮鲜鳥鸟鹽盐麥麦黃黄\
    齊齐齒齿龍龙龜龟衆众峯峰羣群綫线纔才麽么麼么隻只祇只髙高";

/// Letters of other scripts that look Latin, each before the one that it looks like.
const ALIKE: &str = "аaвbсcԁdеeһhіiјjкkӏlмmоoрpѕsтtуyхxαaβbεeιiκkνvοoρpτtυuχxɡgıiℓl";

/// The forbidden word that a text holds: a built-in one, or one of `own`.
pub(super) fn found<'a>(text: &str, own: &'a [String]) -> Option<&'a str> {
    let folded = fold(text);
    let (letters, words) = (Letters::of(&folded), words(&folded));
    FORBIDDEN.iter().copied().chain(own.iter().map(String::as_str)).find(|word| {
        let word: String = fold(word).chars().filter(|c| c.is_alphanumeric()).collect();
        match word.is_ascii() {
            true => !word.is_empty() && is_spelled(&words, &word),
            false => letters.hold(&word),
        }
    })
}

/// Whether there is a letter or digit in it that can be found.
pub(super) fn is_word(word: &str) -> bool {
    fold(word).chars().any(char::is_alphanumeric)
}

/// One spelling of what reads the same.
fn fold(text: &str) -> String {
    let plain = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    plain.map(|c| if c.is_ascii() { c } else { paired(SIMPLIFIED, paired(ALIKE, c)) }).collect()
}

/// What stands behind a character in a table of pairs; the character itself if it is in none.
fn paired(pairs: &str, c: char) -> char {
    let mut pairs = pairs.chars().filter(|c| !c.is_whitespace());
    while let (Some(from), Some(to)) = (pairs.next(), pairs.next()) {
        if from == c {
            return to;
        }
    }
    c
}

/// The letters and digits of a text, and where a sentence or a part of it ends before one.
struct Letters {
    letters: Vec<char>,
    breaks: Vec<bool>,
}

impl Letters {
    fn of(folded: &str) -> Letters {
        let mut found = Letters { letters: Vec::new(), breaks: Vec::new() };
        let mut ended = false;
        for c in folded.chars() {
            if c.is_alphanumeric() {
                found.letters.push(c);
                found.breaks.push(ended);
                ended = false;
            } else {
                ended |= "\n,.。;:!?，；：！？".contains(c) && c != '.';
            }
        }
        found
    }

    /// Whether a word stands there, other than in an ordinary one.
    fn hold(&self, word: &str) -> bool {
        let word: Vec<char> = word.chars().collect();
        let places = self.letters.windows(word.len()).enumerate().filter(|(_, w)| *w == word.as_slice());
        places.map(|(at, _)| at).any(|at| !ORDINARY.iter().any(|o| self.is_in(o, at, &word)))
    }

    /// Whether the word at this place is the one of an ordinary word.
    fn is_in(&self, ordinary: &str, at: usize, word: &[char]) -> bool {
        let letters: Vec<char> = ordinary.chars().filter(|c| *c != '|').collect();
        let Some(inner) = letters.windows(word.len()).position(|w| w == word) else { return false };
        let Some(from) = at.checked_sub(inner) else { return false };
        let ends = ordinary.chars().position(|c| c == '|');
        self.letters.get(from..from + letters.len()) == Some(&letters)
            && ends.is_none_or(|end| self.breaks.get(from + end) == Some(&true))
    }
}

/// English words: letters and digits in a row.
fn words(folded: &str) -> Vec<&str> {
    folded.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect()
}

/// Whether words that follow each other, or letters apart, spell this one; "hello, an update" holds no loan.
fn is_spelled(words: &[&str], wanted: &str) -> bool {
    (0..words.len()).any(|from| {
        let mut rest = wanted;
        for word in &words[from..] {
            match rest.strip_prefix(word) {
                Some("") => return true,
                Some(left) => rest = left,
                None => return false,
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinyin::ToPinyinMulti;

    #[test]
    fn the_table_is_pairs() {
        for table in [SIMPLIFIED, ALIKE] {
            assert_eq!(table.chars().filter(|c| !c.is_whitespace()).count() % 2, 0);
        }
        let readings = |c: char| -> Vec<&str> {
            c.to_pinyin_multi().map(|m| m.into_iter().map(|p| p.plain()).collect()).unwrap_or_default()
        };
        let pairs: Vec<char> = SIMPLIFIED.chars().filter(|c| !c.is_whitespace()).collect();
        let differ = pairs.chunks(2).filter(|pair| {
            let (from, to) = (readings(pair[0]), readings(pair[1]));
            !from.is_empty()
                && !from.iter().any(|r| to.contains(r))
                && !matches!(pair, ['劵', '券'] | ['伝', '传'])
        });
        assert_eq!(differ.collect::<Vec<_>>(), [&[' '; 2]; 0], "a pair is read the same");
        for word in FORBIDDEN {
            assert_eq!(fold(word), *word, "built-in words are written as they are folded");
        }
    }

    #[test]
    fn however_it_is_written() {
        for (text, word) in [
            ("恭喜中獎", "中奖"),
            ("恭喜中奬了", "中奖"),
            ("恭喜中 奖", "中奖"),
            ("恭喜中　奖", "中奖"),
            ("恭喜您中，奖", "中奖"),
            ("中-奖", "中奖"),
            ("中.奖", "中奖"),
            ("中、獎", "中奖"),
            ("中\u{200b}奖", "中奖"),
            ("中\u{feff}\u{2060}獎", "中奖"),
            ("㊥奖", "中奖"),
            ("中*_*奖", "中奖"),
            ("低息貸款", "贷款"),
            ("請轉帳到", "转账"),
            ("轉賬", "转账"),
            ("转帐", "转账"),
            ("匯款", "汇款"),
            ("滙欵", "汇款"),
            ("驗證碼", "验证码"),
            ("験証碼", "验证码"),
            ("優惠劵", "优惠券"),
            ("刷單", "刷单"),
            ("法院傳票", "法院传票"),
            ("身份證號", "身份证号"),
            ("投 資 理 財", "投资"),
            ("銀行卡", "银行卡"),
            ("ＬＯＡＮ", "loan"),
            ("ｌоan", "loan"),
            ("L.O.A.N.", "loan"),
            ("𝐥𝐨𝐚𝐧", "loan"),
            ("lóan", "loan"),
            ("pass\u{200b}word", "password"),
        ] {
            assert_eq!(found(text, &[]), Some(word), "{text}");
        }
        let own = ["雙11".to_owned(), "砍一刀".to_owned()];
        assert_eq!(found("双 11 快递", &own), Some("雙11"));
        assert_eq!(found("砍-壹-刀", &own), None);
    }

    #[test]
    fn ordinary_notices_are_none() {
        for text in [
            "您好，{company}快递员即将派送您的{count}个快件到{estate}{building}，请刷单元门卡下楼领取。",
            "快件正在派送中，奖状类文件请本人签收。",
            "您的快件在运输中。奖品包裹请当面验收。",
            "请到物业办理财务登记后领取。",
            "包裹放在家中，奖牌易碎请轻放。",
            "请将回执投资料箱。",
            "快件已送到公安局家属院门口。",
            "快件放在楼下彩票店，请及时领取。",
            "上门取件请联系中国银行，卡号不需要提供。",
            "往返，利用午休时间派送。",
            "今天下雨，您的快件会晚一点送到，请放心。",
            "您的快遞已到驛站，請憑取件碼領取。",
            "Hello, an update from {company}; your parcel is on loading dock 3.",
            "中午送达，奖励不需要。",
            "",
        ] {
            assert_eq!(found(text, &[]), None, "{text}");
        }
    }
}
