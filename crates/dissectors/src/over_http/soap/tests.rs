//! Calls of SOAP as HTTP has them.

use crate::over_http::testing::post;

const ASKS: &str = r#"<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header/><s:Body><m:GetPrice><m:item>7</m:item></m:GetPrice></s:Body></s:Envelope>"#;
const FAULT: &str = r"<s:Envelope><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>no such item</faultstring></s:Fault></s:Body></s:Envelope>";

#[test]
fn an_envelope_has_an_operation_and_a_fault_is_an_error() {
    let call = post("/price?x", ("text/xml; charset=utf-8", ASKS), ("text/xml", FAULT));
    assert_eq!(call.line(), "soap GetPrice /price s:Client error no such item");
    assert_eq!(call.asked("rpc.method"), "GetPrice");
    assert_eq!(call.answered("soap.fault.code"), "s:Client");
    assert_eq!(call.answered("soap.fault.reason"), "no such item");
}

#[test]
fn the_action_is_in_the_head() {
    let new = "application/soap+xml; charset=utf-8; action=\"urn:a:GetPrice\"";
    let call = post("/", (new, "<cut"), (new, ASKS));
    assert_eq!(call.line(), "soap urn:a:GetPrice / 200 ok OK");
    assert_eq!(call.asked("soap.action"), "urn:a:GetPrice");
    let old = "text/xml\r\nSOAPAction: \"urn:old\"";
    let call = post("/", (old, "<cut"), ("text/plain", ""));
    assert_eq!(call.asked("soap.action"), "urn:old");
}

#[test]
fn other_xml_is_not_soap() {
    let feed = ("text/xml", "<rss><Envelope/></rss>");
    assert_eq!(post("/", feed, feed).line(), "http");
}
