//! Provinces, cities, districts and towns, from the left.
//!
//! Provinces and cities are known by name, because people leave out 省 and 市; districts and towns by the word they end
//! with. Senders' systems repeat them (`江西抚州临川区江西抚州临川区唱凯镇`), so the peeling goes on until nothing fits; what was
//! said last is kept.

use super::text::is_count;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Provinces, municipalities and autonomous regions by their short names.
const PROVINCES: &str = "北京 天津 上海 重庆 河北 山西 内蒙古 内蒙 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 \
    广东 广西 海南 四川 贵州 云南 西藏 陕西 甘肃 青海 宁夏 新疆 香港 澳门 台湾";

/// Cities, prefectures and leagues by their short names (GB/T 2260, the second level).
const CITIES: &str = "石家庄 唐山 秦皇岛 邯郸 邢台 保定 张家口 承德 沧州 廊坊 衡水 太原 大同 阳泉 长治 晋城 朔州 晋中 运城 忻州 \
    临汾 吕梁 呼和浩特 包头 乌海 赤峰 通辽 鄂尔多斯 呼伦贝尔 巴彦淖尔 乌兰察布 兴安盟 锡林郭勒盟 阿拉善盟 沈阳 大连 鞍山 抚顺 \
    本溪 丹东 锦州 营口 阜新 辽阳 盘锦 铁岭 朝阳 葫芦岛 长春 吉林 四平 辽源 通化 白山 松原 白城 延边朝鲜族自治州 延边 哈尔滨 \
    齐齐哈尔 鸡西 鹤岗 双鸭山 大庆 伊春 佳木斯 七台河 牡丹江 黑河 绥化 大兴安岭 南京 无锡 徐州 常州 苏州 南通 连云港 淮安 盐城 \
    扬州 镇江 泰州 宿迁 杭州 宁波 温州 嘉兴 湖州 绍兴 金华 衢州 舟山 台州 丽水 合肥 芜湖 蚌埠 淮南 马鞍山 淮北 铜陵 安庆 黄山 \
    滁州 阜阳 宿州 六安 亳州 池州 宣城 福州 厦门 莆田 三明 泉州 漳州 南平 龙岩 宁德 南昌 景德镇 萍乡 九江 新余 鹰潭 赣州 吉安 \
    宜春 抚州 上饶 济南 青岛 淄博 枣庄 东营 烟台 潍坊 济宁 泰安 威海 日照 莱芜 临沂 德州 聊城 滨州 菏泽 郑州 开封 洛阳 平顶山 \
    安阳 鹤壁 新乡 焦作 濮阳 许昌 漯河 三门峡 南阳 商丘 信阳 周口 驻马店 济源 武汉 黄石 十堰 宜昌 襄阳 襄樊 鄂州 荆门 孝感 荆州 \
    黄冈 咸宁 随州 恩施土家族苗族自治州 恩施 仙桃 潜江 天门 长沙 株洲 湘潭 衡阳 邵阳 岳阳 常德 张家界 益阳 郴州 永州 怀化 娄底 \
    湘西土家族苗族自治州 湘西 广州 韶关 深圳 珠海 汕头 佛山 江门 湛江 茂名 肇庆 惠州 梅州 汕尾 河源 阳江 清远 东莞 中山 潮州 揭阳 \
    云浮 南宁 柳州 桂林 梧州 北海 防城港 钦州 贵港 玉林 百色 贺州 河池 来宾 崇左 海口 三亚 三沙 儋州 成都 自贡 攀枝花 泸州 德阳 \
    绵阳 广元 遂宁 内江 乐山 南充 眉山 宜宾 广安 达州 雅安 巴中 资阳 阿坝藏族羌族自治州 阿坝 甘孜藏族自治州 甘孜 凉山彝族自治州 凉山 \
    贵阳 六盘水 遵义 安顺 毕节 铜仁 黔西南布依族苗族自治州 黔西南 黔东南苗族侗族自治州 黔东南 黔南布依族苗族自治州 黔南 昆明 曲靖 玉溪 \
    保山 昭通 丽江 普洱 临沧 楚雄彝族自治州 楚雄 红河哈尼族彝族自治州 红河 文山壮族苗族自治州 文山 西双版纳傣族自治州 西双版纳 \
    大理白族自治州 大理 德宏傣族景颇族自治州 德宏 怒江傈僳族自治州 怒江 迪庆藏族自治州 迪庆 拉萨 日喀则 昌都 林芝 山南 那曲 阿里 西安 \
    铜川 宝鸡 咸阳 渭南 延安 汉中 榆林 安康 商洛 兰州 嘉峪关 金昌 白银 天水 武威 张掖 平凉 酒泉 庆阳 定西 陇南 临夏回族自治州 临夏 \
    甘南藏族自治州 甘南 西宁 海东 海北藏族自治州 海北 黄南藏族自治州 黄南 海南藏族自治州 果洛藏族自治州 果洛 玉树藏族自治州 玉树 \
    海西蒙古族藏族自治州 海西 银川 石嘴山 吴忠 固原 中卫 乌鲁木齐 克拉玛依 吐鲁番 哈密 昌吉回族自治州 昌吉 博尔塔拉蒙古自治州 \
    博尔塔拉 巴音郭楞蒙古自治州 巴音郭楞 阿克苏 克孜勒苏柯尔克孜自治州 喀什 和田 伊犁哈萨克自治州 伊犁 塔城 阿勒泰 石河子";

type ByLetter = LazyLock<HashMap<char, Vec<&'static str>>>;

static PROVINCES_BY_LETTER: ByLetter = LazyLock::new(|| by_letter(PROVINCES));
static CITIES_BY_LETTER: ByLetter = LazyLock::new(|| by_letter(CITIES));

fn by_letter(names: &'static str) -> HashMap<char, Vec<&'static str>> {
    let mut out: HashMap<char, Vec<&'static str>> = HashMap::new();
    for name in names.split_ascii_whitespace() {
        if let Some(first) = name.chars().next() {
            out.entry(first).or_default().push(name);
        }
    }
    out
}

fn known(chars: &[char], names: &ByLetter) -> Option<(&'static str, usize)> {
    longest(chars, names.get(chars.first()?)?.iter().copied())
}

/// What a region may be followed by.
const AFTER_PROVINCE: &[&str] =
    &["壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "特别行政区", "省", "市"];
const AFTER_CITY: &[&str] = &["市辖区", "市", "地区", "州", "盟"];
const DISTRICTS: &[&str] = &["自治县", "自治旗", "特区", "林区", "新区", "区", "县", "旗", "市"];
const TOWNS: &[&str] = &["街道办事处", "地区办事处", "街道办", "街道", "民族乡", "镇", "乡", "苏木"];

/// What forms put between a district and the place.
const NOTHING: &[&str] =
    &["主城区", "城区", "市区", "全区", "全境", "全市", "县城", "城内", "市辖区", "其他", "其它"];

/// Regions of an address, as written. Of districts all that are named, because systems write another one before the
/// sender's own.
#[derive(Debug, Default)]
pub(super) struct Regions {
    pub province: Option<String>,
    pub city: Option<String>,
    pub districts: Vec<String>,
    pub town: Option<String>,
}

pub(super) fn starts(chars: &[char], word: &str) -> bool {
    let mut rest = chars.iter();
    word.chars().all(|c| rest.next() == Some(&c))
}

/// Longest of the words that the characters start with, in characters.
fn longest<'a>(chars: &[char], words: impl Iterator<Item = &'a str>) -> Option<(&'a str, usize)> {
    words.filter(|w| starts(chars, w)).map(|w| (w, w.chars().count())).max_by_key(|(_, n)| *n)
}

/// Peels the regions; the number of characters that they take.
pub(super) fn peel(chars: &[char], out: &mut Regions) -> usize {
    let mut at = 0;
    loop {
        at += peel_once(&chars[at..], out);
        // the district once more, further on: 杨村镇下朱庄内天津市武清区杨村镇…
        let again = (at + 1..chars.len()).rev().find_map(|p| {
            let named = out.districts.iter().find(|d| d.chars().count() >= 3 && starts(&chars[p..], d))?;
            Some(p + named.chars().count())
        });
        match again.filter(|end| *end < chars.len()) {
            Some(end) => at = end,
            None => return at,
        }
    }
}

fn peel_once(chars: &[char], out: &mut Regions) -> usize {
    let mut at = 0;
    loop {
        let rest = &chars[at..];
        if starts(rest, "中国") {
            at += 2;
        } else if let Some((_, n)) =
            longest(rest, NOTHING.iter().copied()).filter(|(_, n)| at > 0 && *n < rest.len())
        {
            at += n;
        } else if let Some(n) = ring(rest) {
            at += n;
        } else if let Some((name, n)) = province_at(rest, out) {
            if out.province.as_deref() == Some(name) && name == "吉林" {
                // the city of the same name
                out.city = Some(name.to_owned());
            }
            out.province = Some(if name == "内蒙" { "内蒙古" } else { name }.to_owned());
            at += n;
        } else if let Some((name, n)) = city_at(rest, out) {
            out.city = Some(name.to_owned());
            at += n;
        } else if let Some(n) = district_at(rest) {
            out.districts.push(rest[..n].iter().collect());
            at += n;
        } else if let Some(n) = town_at(rest) {
            out.town = Some(rest[..n].iter().collect());
            at += n;
        } else {
            break;
        }
    }
    at
}

/// A province with the word after it. Behind a district only the one that was named already: 河北街道 may lie in 吉林.
fn province_at(chars: &[char], seen: &Regions) -> Option<(&'static str, usize)> {
    let (name, n) = known(chars, &PROVINCES_BY_LETTER)?;
    let n = n + longest(&chars[n..], AFTER_PROVINCE.iter().copied()).map_or(0, |(_, n)| n);
    let lost = !seen.districts.is_empty() && seen.province.as_deref().is_some_and(|p| p != name);
    (!lost && !is_name_of_more(&chars[n..])).then_some((name, n))
}

/// A city with the word after it. Behind a district a bare name is a city only before another district.
fn city_at(chars: &[char], seen: &Regions) -> Option<(&'static str, usize)> {
    let (name, n) = known(chars, &CITIES_BY_LETTER)?;
    // 北京朝阳 is a district of Beijing, and not the city
    let municipality = matches!(seen.province.as_deref(), Some("北京" | "天津" | "上海" | "重庆"));
    if municipality || district_at(chars).is_some_and(|d| d == n + 1 && chars[n] != '市') {
        return None;
    }
    // 青岛市北区 is 青岛 and 市北区
    let quarter = ["市南区", "市北区", "市中区"].iter().any(|w| starts(&chars[n..], w));
    let after = longest(&chars[n..], AFTER_CITY.iter().copied()).filter(|_| !quarter).map_or(0, |(_, n)| n);
    let n = n + after;
    let lost = after == 0 && !seen.districts.is_empty() && district_at(&chars[n..]).is_none();
    (!lost && !is_name_of_more(&chars[n..])).then_some((name, n))
}

/// 三环以内, 三环到四环之间, 中环外环之间: length.
fn ring(chars: &[char]) -> Option<usize> {
    let ring = |at: usize| {
        let named = chars.get(at).is_some_and(|c| is_count(*c) || "内中外".contains(*c));
        (named && chars.get(at + 1) == Some(&'环')).then_some(at + 2)
    };
    let mut end = ring(0)?;
    let joint = usize::from(chars.get(end).is_some_and(|c| "到至和".contains(*c)));
    if let Some(second) = ring(end + joint) {
        end = second;
    }
    ["以内", "以外", "之间"].iter().any(|w| starts(&chars[end..], w)).then_some(end + 2)
}

/// Whether what follows a region makes it the beginning of another name: 朝阳路, 天津街, 上海花园.
fn is_name_of_more(rest: &[char]) -> bool {
    if district_at(rest).is_some() {
        return false;
    }
    let side = usize::from(rest.first().is_some_and(|c| "东西南北中".contains(*c)));
    if ["街道", "镇", "乡"].iter().any(|w| starts(rest, w)) {
        return true;
    }
    if ["路", "街", "大道", "大街", "道"].iter().any(|w| starts(&rest[side..], w))
        && !starts(&rest[side..], "街道")
    {
        return !starts(rest, "道里") && !starts(rest, "道外") && !starts(rest, "路桥");
    }
    const ENDS: &[&str] = &[
        "巷", "花园", "小区", "公寓", "大厦", "新村", "家园", "大学", "医院", "广场", "银行", "世家", "国际",
        "人家", "一区", "二区",
    ];
    ENDS.iter()
        .any(|w| starts(rest, w) && !starts(rest, "城区") && !starts(rest, "里区") && !starts(rest, "城县"))
}

/// Length of the district that the characters start with.
fn district_at(chars: &[char]) -> Option<usize> {
    for at in 1..chars.len().min(12) {
        let c = chars[at];
        // 鼓楼区 and 宁乡市 are districts; 文一路… is none
        let named =
            "路街楼镇乡村道".contains(c) && "区县市".contains(chars.get(at + 1).copied().unwrap_or(' '));
        if "路街号栋幢楼室镇乡村弄巷道0123456789-#".contains(c) && !named {
            return None;
        }
        let Some((word, n)) = longest(&chars[at..], DISTRICTS.iter().copied()) else { continue };
        let before = chars[at - 1];
        let next = chars.get(at + n).copied().unwrap_or(' ');
        let inner = match word {
            "区" => {
                "小社园活属宅业矿校厂院景库住地户".contains(before)
                    || is_count(before) && !starts(chars, "二七区")
                    || "东西南北中".contains(before) && at == 1
                    || "东西南北中".contains(before) && at >= 4
            }
            // 增城市 and 宜都市 are cities, 城市花园 and 都市名家 are not
            "市" => {
                let like_a_word =
                    "城都".contains(before) && (at > 3 || "花广之公天春中名家丽阳印".contains(next));
                like_a_word || "超菜夜门书花集".contains(before) || "场政民镇乡".contains(next)
            }
            "旗" => at < 2 || "红国战".contains(before) || next == '舰',
            _ => false,
        };
        let town = starts(&chars[at + n..], "街道") || next == '镇';
        // 北市区 is a district, and 北市 none
        if word == "市" && next == '区' {
            continue;
        }
        if inner || town {
            if word == "区" || word == "市" {
                return None;
            }
            continue;
        }
        return Some(at + n);
    }
    None
}

/// Length of the town that the characters start with.
fn town_at(chars: &[char]) -> Option<usize> {
    for at in 1..chars.len().min(10) {
        let c = chars[at];
        if let Some((word, n)) = longest(&chars[at..], TOWNS.iter().copied()) {
            let next = chars.get(at + n).copied().unwrap_or(' ');
            // 西乡街道, 古镇
            let longer = chars.get(at + n).is_some() && (starts(&chars[at + n..], "街道") || next == '镇');
            if longer || word == "镇" && chars[at - 1] == '古' {
                continue;
            }
            let more = match word {
                "镇" => "政中卫医".contains(next),
                "乡" => "苑情土间音政".contains(next),
                _ => false,
            };
            return (!more).then_some(at + n);
        }
        let ends = "路号栋幢楼室村弄巷区园苑0123456789-#".contains(c);
        if ends && longest(&chars[at + 1..], TOWNS.iter().copied()).is_none() {
            return None;
        }
    }
    None
}
