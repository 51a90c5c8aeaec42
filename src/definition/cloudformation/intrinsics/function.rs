//! The intrinsic functions of CloudFormation, by their names.

/// An intrinsic function (CloudFormation template reference, Intrinsic functions).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::definition) enum Function {
    And,
    Base64,
    Cidr,
    Condition,
    Equals,
    FindInMap,
    ForEach,
    GetAtt,
    GetAzs,
    If,
    ImportValue,
    Join,
    Length,
    Not,
    Or,
    Ref,
    Select,
    Split,
    Sub,
    ToJsonString,
    Transform,
}

impl Function {
    /// Those that a tag or key can name; a loop has its own name in its key.
    pub(super) const ALL: [Self; 20] = [
        Self::And,
        Self::Base64,
        Self::Cidr,
        Self::Condition,
        Self::Equals,
        Self::FindInMap,
        Self::GetAtt,
        Self::GetAzs,
        Self::If,
        Self::ImportValue,
        Self::Join,
        Self::Length,
        Self::Not,
        Self::Or,
        Self::Ref,
        Self::Select,
        Self::Split,
        Self::Sub,
        Self::ToJsonString,
        Self::Transform,
    ];

    /// Its name as a tag, without `!`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::And => "And",
            Self::Base64 => "Base64",
            Self::Cidr => "Cidr",
            Self::Condition => "Condition",
            Self::Equals => "Equals",
            Self::FindInMap => "FindInMap",
            Self::ForEach => "ForEach",
            Self::GetAtt => "GetAtt",
            Self::GetAzs => "GetAZs",
            Self::If => "If",
            Self::ImportValue => "ImportValue",
            Self::Join => "Join",
            Self::Length => "Length",
            Self::Not => "Not",
            Self::Or => "Or",
            Self::Ref => "Ref",
            Self::Select => "Select",
            Self::Split => "Split",
            Self::Sub => "Sub",
            Self::ToJsonString => "ToJsonString",
            Self::Transform => "Transform",
        }
    }

    /// Its arguments, as help shows them.
    pub(super) fn arguments(self) -> &'static str {
        match self {
            Self::And | Self::Or => "[CONDITION, CONDITION, …]",
            Self::Base64 => "TEXT",
            Self::Cidr => "[BLOCK, COUNT, BITS]",
            Self::Equals => "[VALUE, VALUE]",
            Self::FindInMap => "[MAPPING, KEY, KEY]",
            Self::ForEach => "[IDENTIFIER, [VALUE, …], {KEY: VALUE}]",
            Self::GetAtt => "RESOURCE.ATTRIBUTE",
            Self::GetAzs => "REGION",
            Self::If => "[CONDITION, VALUE, VALUE]",
            Self::ImportValue => "EXPORT",
            Self::Join => "[DELIMITER, [VALUE, …]]",
            Self::Length => "[VALUE, …]",
            Self::Not => "[CONDITION]",
            Self::Condition | Self::Ref => "NAME",
            Self::Select => "[INDEX, [VALUE, …]]",
            Self::Split => "[DELIMITER, TEXT]",
            Self::Sub => "TEXT` or `[TEXT, {NAME: VALUE}]",
            Self::ToJsonString => "{KEY: VALUE}",
            Self::Transform => "{Name: TRANSFORM, Parameters: {KEY: VALUE}}",
        }
    }
}
