//! Why an order does not take an action.

words! {
    /// Why an order does not take an action. It is as it was.
    pub enum OrderRefusal {
        /// It is not for this person to do.
        NotYours = "not_yours", "这一步不由你操作", "this step is not yours to do";
        /// The order is at another stage.
        WrongStage = "wrong_stage", "工单当前环节不能这样操作", "the order is at a stage at which this cannot be done";
        /// It is archived.
        Archived = "archived", "工单已归档", "the order is archived";
        /// It was taken before.
        TakenAlready = "taken_already", "工单已被接单", "the order was taken already";
        /// It is paused already.
        HeldAlready = "held_already", "工单已挂起", "the order is on hold already";
        /// It is not paused.
        NotHeld = "not_held", "工单没有挂起", "the order is not on hold";
        /// Nothing is to be answered.
        NotUrged = "not_urged", "没有待回应的催办", "no urge waits for an answer";
        /// There is no such department.
        NoDepartment = "no_department", "没有这个部门", "there is no such department";
        /// The departments' flow does not lead there.
        NoWay = "no_way", "部门流向不允许转到该部门", "the flow of the departments does not lead there";
        /// Neither department nor person is named.
        NobodyNamed = "nobody_named", "没有指定部门或人员", "neither a department nor a person is named";
        /// Who handled it does not ask the customer about it.
        OwnWork = "own_work", "处理人不能回访自己的工单", "who handled an order does not do its revisit";
    }
}

impl std::error::Error for OrderRefusal {}
