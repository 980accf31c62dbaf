//! Translates values: errors, names, descriptions, plans, outcomes.

use super::imported::records::AttributeType as GuestType;
use super::{exported, types};
use jobhost_contract::{
    Capability, CapabilityError, CapabilityErrorKind, Description, Failure, FailureKind, FileSource, Message,
    Operation, OperationAccess, OperationReply, Outcome, Plan, S3Credentials, S3Object, Sink, Source, TableRight,
    TableUse, UrlSource,
};
use jobhost_model::{Action, AttributeType, Encoding, S3Location, TableName};

impl From<CapabilityError> for types::Error {
    fn from(error: CapabilityError) -> Self {
        let kind = match error.kind {
            CapabilityErrorKind::Denied => types::ErrorKind::Denied,
            CapabilityErrorKind::Invalid => types::ErrorKind::Invalid,
            CapabilityErrorKind::NotFound => types::ErrorKind::NotFound,
            CapabilityErrorKind::Limit => types::ErrorKind::Limit,
            CapabilityErrorKind::Unavailable => types::ErrorKind::Unavailable,
            CapabilityErrorKind::Interrupted => types::ErrorKind::Interrupted,
        };
        types::Error { kind, message: error.message }
    }
}

impl From<types::TableName> for TableName {
    fn from(name: types::TableName) -> Self {
        TableName { database: name.database, table: name.table }
    }
}

impl From<types::Action> for Action {
    fn from(action: types::Action) -> Self {
        match action {
            types::Action::Insert => Action::Insert,
            types::Action::Update => Action::Update,
            types::Action::Upsert => Action::Upsert,
        }
    }
}

impl From<AttributeType> for GuestType {
    fn from(attribute_type: AttributeType) -> Self {
        match attribute_type {
            AttributeType::Any => GuestType::Any,
            AttributeType::String => GuestType::String,
            AttributeType::Id => GuestType::Id,
            AttributeType::Int => GuestType::Int,
            AttributeType::Long => GuestType::Long,
            AttributeType::Float => GuestType::Float,
            AttributeType::Boolean => GuestType::Boolean,
            AttributeType::Date => GuestType::Date,
            AttributeType::BigInt => GuestType::BigInt,
        }
    }
}

impl From<exported::Description> for Description {
    fn from(description: exported::Description) -> Self {
        Description {
            name: description.name,
            version: description.version,
            summary: description.summary,
            capabilities: description.capabilities.into_iter().map(Into::into).collect(),
            operations: description.operations.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<exported::Capability> for Capability {
    fn from(capability: exported::Capability) -> Self {
        match capability {
            exported::Capability::Insert => Capability::Insert,
            exported::Capability::Update => Capability::Update,
            exported::Capability::Delete => Capability::Delete,
            exported::Capability::Query => Capability::Query,
            exported::Capability::ReadFile => Capability::ReadFile,
            exported::Capability::WriteFile => Capability::WriteFile,
            exported::Capability::FetchUrl => Capability::FetchUrl,
            exported::Capability::ReadS3 => Capability::ReadS3,
            exported::Capability::WriteS3 => Capability::WriteS3,
        }
    }
}

impl From<exported::Operation> for Operation {
    fn from(operation: exported::Operation) -> Self {
        Operation {
            name: operation.name,
            aliases: operation.aliases,
            summary: operation.summary,
            request_schema: operation.request_schema,
            secrets: operation.secrets,
            inline_source: operation.inline_source,
            access: match operation.access {
                exported::Access::SuperUser => OperationAccess::SuperUser,
                exported::Access::TablePermission => OperationAccess::TablePermission,
            },
            reply: match operation.reply {
                exported::Reply::JobId => OperationReply::JobId,
                exported::Reply::Outcome => OperationReply::Outcome,
            },
            resumable: operation.resumable,
        }
    }
}

impl From<exported::JobPlan> for Plan {
    fn from(plan: exported::JobPlan) -> Self {
        let table_use = |used: exported::TableUse| TableUse {
            table: used.table.into(),
            rights: used.rights.into_iter().map(Into::into).collect(),
        };
        Plan {
            tables: plan.tables.into_iter().map(table_use).collect(),
            sources: plan.sources.into_iter().map(Into::into).collect(),
            queries: plan.queries,
            sinks: plan.sinks.into_iter().map(Into::into).collect(),
            autocommit: plan.autocommit,
        }
    }
}

impl From<types::Right> for TableRight {
    fn from(right: types::Right) -> Self {
        match right {
            types::Right::Insert => TableRight::Insert,
            types::Right::Update => TableRight::Update,
            types::Right::Upsert => TableRight::Upsert,
            types::Right::Delete => TableRight::Delete,
        }
    }
}

impl From<types::Encoding> for Encoding {
    fn from(encoding: types::Encoding) -> Self {
        match encoding {
            types::Encoding::Identity => Encoding::Identity,
            types::Encoding::Gzip => Encoding::Gzip,
            types::Encoding::Zstd => Encoding::Zstd,
        }
    }
}

impl From<exported::Source> for Source {
    fn from(source: exported::Source) -> Self {
        match source {
            exported::Source::RequestField => Source::RequestField,
            exported::Source::File(file) => {
                Source::File(FileSource { path: file.path, encoding: file.encoding.map(Into::into) })
            }
            exported::Source::Url(url) => Source::Url(UrlSource {
                url: url.url,
                headers: url.headers,
                media_types: url.media_types,
                encoding: url.encoding.map(Into::into),
            }),
            exported::Source::S3(s3) => Source::S3 { object: s3.object.into(), encoding: s3.encoding.map(Into::into) },
        }
    }
}

impl From<exported::Sink> for Sink {
    fn from(sink: exported::Sink) -> Self {
        match sink {
            exported::Sink::File(file) => {
                Sink::File { directory: file.directory, name: file.name, encoding: file.encoding.into() }
            }
            exported::Sink::S3(s3) => {
                Sink::S3 { object: s3.object.into(), media_type: s3.media_type, encoding: s3.encoding.into() }
            }
        }
    }
}

impl From<exported::S3Object> for S3Object {
    fn from(object: exported::S3Object) -> Self {
        S3Object {
            location: S3Location {
                bucket: object.bucket,
                key: object.key,
                region: object.region,
                endpoint: object.endpoint,
                path_style: object.path_style,
            },
            credentials: match object.credentials {
                exported::S3Credentials::Request(pointer) => S3Credentials::Request(pointer),
                exported::S3Credentials::Profile(name) => S3Credentials::Profile(name),
            },
        }
    }
}

impl From<exported::Outcome> for Outcome {
    fn from(outcome: exported::Outcome) -> Self {
        let message = outcome.message.map(|message| match message {
            exported::Message::Text(sentence) => Message::Text(sentence),
            exported::Message::Loaded => Message::Loaded,
        });
        Outcome { message, result: outcome.result }
    }
}

impl From<exported::Failure> for Failure {
    fn from(failure: exported::Failure) -> Self {
        let kind = match failure.kind {
            exported::FailureKind::InvalidInput => FailureKind::InvalidInput,
            exported::FailureKind::Denied => FailureKind::Denied,
            exported::FailureKind::Unavailable => FailureKind::Unavailable,
            exported::FailureKind::Interrupted => FailureKind::Interrupted,
            exported::FailureKind::Internal => FailureKind::Internal,
        };
        Failure { kind, message: failure.message, retryable: failure.retryable }
    }
}
