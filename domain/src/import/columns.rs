//! Which column is which, from what the header says.

words! {
    /// What a column holds.
    pub enum Field {
        /// Waybill number.
        Waybill = "waybill_no", "运单号", "waybill";
        /// Recipient's number.
        Phone = "phone", "电话", "telephone";
        /// Recipient's name.
        Name = "name", "收件人", "name";
        /// Address.
        Address = "address", "地址", "address";
        /// Delivery or pick-up.
        Kind = "kind", "任务类型", "kind";
        /// What has become of the parcel by the list: on its way, withdrawn, delivered.
        State = "state", "状态", "state";
        /// Both coordinates of the building in one cell.
        Coordinates = "coordinates", "坐标", "coordinates";
        /// Latitude of the building, degrees.
        Latitude = "latitude", "纬度", "latitude";
        /// Longitude of the building, degrees.
        Longitude = "longitude", "经度", "longitude";
    }
}

/// Headings of a further column with the recipient's fixed line, normalised.
const LINES: &[&str] = &[
    "固定电话",
    "固话",
    "座机",
    "座机号码",
    "家庭电话",
    "办公电话",
    "收件人固定电话",
    "收件人固话",
    "收件人座机",
    "收货人固定电话",
    "收货人固话",
    "收货人座机",
    "收件固话",
    "收件座机",
    "landline",
    "homephone",
    "officephone",
    "recipientlandline",
];

/// Names of each field, normalised; the better ones first. A name that contains one of the words of [`FOREIGN`] is never
/// taken.
const NAMES: &[(Field, &[&str])] = &[
    (
        Field::Waybill,
        &[
            "运单号",
            "运单编号",
            "运单号码",
            "快递单号",
            "快件单号",
            "物流单号",
            "面单号",
            "邮件号",
            "单号",
            "运单",
            "waybillno",
            "waybillnumber",
            "waybill",
            "trackingno",
            "trackingnumber",
            "tracking",
            "awb",
            "mailno",
        ],
    ),
    (
        Field::Phone,
        &[
            "收件人电话",
            "收件人手机",
            "收件人联系方式",
            "收件电话",
            "收货人电话",
            "收货电话",
            "收方电话",
            "收件手机",
            "联系电话",
            "联系方式",
            "手机号码",
            "手机号",
            "手机",
            "电话号码",
            "电话",
            "recipientphone",
            "receiverphone",
            "consigneephone",
            "phonenumber",
            "phone",
            "mobile",
            "telephone",
            "tel",
        ],
    ),
    (
        Field::Name,
        &[
            "收件人姓名",
            "收件人名称",
            "收件人",
            "收货人姓名",
            "收货人",
            "收方姓名",
            "收件姓名",
            "姓名",
            "客户",
            "recipientname",
            "receivername",
            "recipient",
            "receiver",
            "consignee",
            "name",
        ],
    ),
    (
        Field::Address,
        &[
            "收件人地址",
            "收件人详细地址",
            "收货地址",
            "收件地址",
            "收方地址",
            "派送地址",
            "派件地址",
            "详细地址",
            "地址",
            "recipientaddress",
            "receiveraddress",
            "deliveryaddress",
            "address",
            "addr",
        ],
    ),
    (Field::Kind, &["任务类型", "业务类型", "收派类型", "类型", "taskkind", "tasktype", "kind", "type"]),
    (
        Field::State,
        &[
            "运单状态",
            "快件状态",
            "邮件状态",
            "包裹状态",
            "派送状态",
            "任务状态",
            "派件状态",
            "配送状态",
            "签收状态",
            "物流状态",
            "订单状态",
            "当前状态",
            "最新状态",
            "处理状态",
            "状态",
            "waybillstatus",
            "parcelstatus",
            "status",
            "state",
        ],
    ),
    // before 纬度 and 经度, which 收件经纬度 contains both
    (
        Field::Coordinates,
        &[
            "经纬度",
            "坐标",
            "地理坐标",
            "位置坐标",
            "收件坐标",
            "coordinates",
            "latlng",
            "lnglat",
            "latlon",
            "lonlat",
            "geopoint",
        ],
    ),
    (Field::Latitude, &["纬度", "latitude", "lat"]),
    (Field::Longitude, &["经度", "longitude", "lng", "lon"]),
];

/// Words of the sender's columns and others that look like the recipient's.
const FOREIGN: &[&str] = &[
    "寄",
    "发件",
    "发货",
    "sender",
    "shipper",
    "from",
    "快递员",
    "courier",
    "网点",
    "branch",
    "原单",
    "子单",
    "客服",
    "商家",
    "卖家",
    "店铺",
    "派送员",
    "派件员",
    "业务员",
    "seller",
    "merchant",
    "驿站",
    "代收",
    "站点",
    "司机",
    "仓库",
    "揽收",
    "物流公司",
    "快递公司",
    "承运",
    "发票",
    "driver",
    "station",
    "store",
    "agent",
    "carrier",
    "invoice",
];

/// Whether a heading is that of a column of others.
pub(super) fn is_foreign(heading: &str) -> bool {
    FOREIGN.iter().any(|f| heading.contains(f))
}

/// Whether a heading is one of the names of a field, and not only holds it.
pub(super) fn is_name(heading: &str) -> bool {
    NAMES.iter().any(|(_, names)| names.contains(&heading))
}

/// The columns of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnMap {
    columns: Vec<(Field, usize)>,
    /// Further columns of telephone numbers.
    phones: Vec<usize>,
}

impl ColumnMap {
    /// The column, from 0, that holds a field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<usize> {
        self.columns.iter().find(|(f, _)| *f == field).map(|(_, at)| *at)
    }

    /// Further columns that hold the recipient's numbers.
    pub(super) fn more_phones(&self) -> &[usize] {
        &self.phones
    }

    /// Takes every further column that is headed as the recipient's telephone: 手机 beside 电话.
    pub(super) fn find_more_phones(&mut self, header: &[String]) {
        // the whole heading, but for which of several it is: a telephone of the driver or of the station is somebody else's
        let is_phone = |heading: &str| {
            let heading = heading.trim_matches(|c: char| "0123456789一二三四第".contains(c));
            let heading = ["备用", "其他", "其它", "另一", "第二", "other", "second", "alternate", "backup"]
                .iter()
                .fold(heading.to_owned(), |h, which| h.replacen(which, "", 1));
            let heading = heading.as_str();
            !is_foreign(heading)
                && (LINES.contains(&heading)
                    || NAMES.iter().any(|(field, names)| *field == Field::Phone && names.contains(&heading)))
        };
        let free = |at: &usize| !self.columns.iter().any(|(_, taken)| taken == at);
        let found = header.iter().enumerate().filter(|(_, h)| is_phone(&plain(h))).map(|(at, _)| at);
        self.phones = found.filter(free).collect();
    }

    /// Each field with its column.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Field, usize)> {
        self.columns.iter().copied()
    }

    pub(super) fn put(&mut self, field: Field, at: usize) {
        self.columns.retain(|(f, _)| *f != field);
        self.columns.push((field, at));
    }

    /// A map chosen by a person.
    #[must_use]
    pub fn of(columns: impl IntoIterator<Item = (Field, usize)>) -> Self {
        Self { columns: columns.into_iter().collect(), phones: Vec::new() }
    }
}

/// Guesses the columns from their headings, Chinese or English. Each field gets the column with its best name; exact
/// names come before names that only contain one.
#[must_use]
pub fn detect_columns(header: &[String]) -> ColumnMap {
    let mut map = ColumnMap::default();
    detect_more(header, &mut map, &[]);
    map
}

/// The same for the fields that the map does not have yet, without those of `not`.
pub(super) fn detect_more(header: &[String], map: &mut ColumnMap, not: &[Field]) {
    let headings: Vec<String> = header.iter().map(|h| plain(h)).collect();
    for exact in [true, false] {
        for (field, names) in NAMES {
            if map.get(*field).is_some() || not.contains(field) {
                continue;
            }
            // 支付状态 and 打印状态 are states of something else
            let fits = |heading: &str, name: &str| {
                // platform holds lat, and salon lon
                let within = || *field != Field::State && !(is_place(*field) && name.is_ascii());
                if exact { heading == name } else { within() && heading.contains(name) }
            };
            let found =
                names.iter().find_map(|name| headings.iter().position(|h| fits(h, name) && !is_foreign(h)));
            if let Some(at) = found.filter(|at| !map.columns.iter().any(|(_, taken)| taken == at)) {
                map.columns.push((*field, at));
            }
        }
    }
}

fn is_place(field: Field) -> bool {
    matches!(field, Field::Coordinates | Field::Latitude | Field::Longitude)
}

/// Lower case, half width, letters and digits only: `Waybill No.` is `waybillno`, `*收件人（必填）` is `收件人`.
pub(super) fn plain(heading: &str) -> String {
    let folded: String =
        heading.chars().map(crate::search::half_width).flat_map(char::to_lowercase).collect();
    let without_remark = folded.split(['(', '[', '【']).find(|part| part.chars().any(char::is_alphanumeric));
    without_remark.unwrap_or_default().chars().filter(|c| c.is_alphanumeric()).collect()
}
