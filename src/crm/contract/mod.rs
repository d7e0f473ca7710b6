//! The published HTTP contract, version 1: its documents and its OpenAPI text.
