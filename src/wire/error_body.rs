//! The body of an error answer, the same map in both encodings.

use super::Value;

/// `{"__type": code, "message": text}`. `SerializationException` spells it `Message`; without a text the
/// member is absent.
pub fn error_body<'a>(code: &'a str, message: Option<&'a str>) -> Value<'a> {
    let name = if code == "SerializationException" { "Message" } else { "message" };
    Value::map([("__type", code.into()), (name, message.into())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Codec;

    #[test]
    fn spells_message_as_the_service_does() {
        for (code, message, body) in [
            ("ValidationException", Some("no"), r#"{"__type":"ValidationException","message":"no"}"#),
            ("SerializationException", Some("no"), r#"{"__type":"SerializationException","Message":"no"}"#),
            ("SerializationException", None, r#"{"__type":"SerializationException"}"#),
            ("InternalFailure", None, r#"{"__type":"InternalFailure"}"#),
        ] {
            assert_eq!(Codec::Json.to_bytes(&error_body(code, message)), body);
        }
    }
}
