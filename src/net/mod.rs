//! Sockets: the listener, TLS, HTTP/1.1 and HTTP/2 connections, the admin endpoint. Knows no operation.
