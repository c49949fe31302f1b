//! The fields of SOAP.

use crate::over_http::table::fields;

fields! {
    System = "rpc.system" Text, "Always soap";
    Method = "rpc.method" Text, "First element of the body: the operation or its result";
    Action = "soap.action" Text, "What is wanted, as the head says";
    FaultCode = "soap.fault.code" Text, "Code of the fault";
    Fault = "soap.fault.reason" Text, "What went wrong";
}
