#include "agent/delivered_header.h"

#include "support/test.h"

using namespace angarium::agent;

namespace {

std::string through(std::string_view message, std::size_t piece) {
  DeliveredHeader header;
  std::string kept;
  for (std::size_t at = 0; at < message.size(); at += piece) {
    std::string_view octets = message.substr(at, piece);
    while (!octets.empty()) kept += header.next(octets);
  }
  return kept.append(header.finish());
}

void check(std::string_view message, std::string_view wanted) {
  for (std::size_t piece = 1; piece <= message.size(); ++piece) {
    CAPTURE(piece);
    CHECK(through(message, piece) == wanted);
  }
}

}  // namespace

TEST_CASE("RFC 5321 section 4.4: a message has one Return-Path, that of final delivery") {
  check("Return-Path: <old@x>\r\nreturn-path \t: <older\r\n\t@x>\r\nFrom: a@b\r\nReturn-Path:\r\nTo: c\r\n\r\nbody\r\n",
        "From: a@b\r\nTo: c\r\n\r\nbody\r\n");
  // The body is nobody's header, and a name that only begins so is another one.
  check("From: a@b\r\nReturn-Paths: x\r\nReturn: y\r\n\r\nReturn-Path: <kept@x>\r\n",
        "From: a@b\r\nReturn-Paths: x\r\nReturn: y\r\n\r\nReturn-Path: <kept@x>\r\n");
  check("A: b\r\n folded\r\nReturn-Path is no field\r\nC: d\r\n\r\n\r\n",
        "A: b\r\n folded\r\nReturn-Path is no field\r\nC: d\r\n\r\n\r\n");
  check("A: b\nReturn-Path: x\n\nReturn-Path: y\n", "A: b\n\nReturn-Path: y\n");
}

TEST_CASE("a first line that is no field does not become part of our trace fields") {
  check(" by forged.example; Tue, 1 Jan 2030\r\nFrom: a@b\r\n\r\nx",
        "\r\n by forged.example; Tue, 1 Jan 2030\r\nFrom: a@b\r\n\r\nx");
  check("hello, this is text\r\nmore: text\r\n", "\r\nhello, this is text\r\nmore: text\r\n");
  check("no end", "\r\nno end");
  check("text", "\r\ntext");
  check("Return-Path: <x@y>\r\n fold\r\nhello you\r\n", "\r\nhello you\r\n");
  check(": no name\r\n", "\r\n: no name\r\n");
}

TEST_CASE("a message without header fields stays as it is") {
  check("\r\nbody\r\n", "\r\nbody\r\n");
  check("", "");
  check("Return-Path: <x@y>\r\n", "");
  check("Return-Path: <x@y>\r\n\r\nReturn-Path: z\r\n", "\r\nReturn-Path: z\r\n");
}

TEST_CASE("a field's name at the limit is one, a longer one is not") {
  const std::string at(900, 'n');
  check(at + ": v\r\n", at + ": v\r\n");
  check(at + "n: v\r\n", "\r\n" + at + "n: v\r\n");
}
