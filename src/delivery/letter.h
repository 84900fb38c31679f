// What is delivered: a message with its envelope.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/time.h"
#include "envelope/path.h"
#include "message/box_state.h"

namespace angarium::delivery {

/// The message in pieces, read once from its beginning. Lines end with CR LF.
class Octets {
 public:
  virtual ~Octets() = default;
  /// The next piece, a view that holds until the next call; empty at the end. An error ends the delivery: temporary.
  virtual Result<std::string_view> next() = 0;
};

/// A message that lies in memory, in one piece.
class OctetsInMemory : public Octets {
 public:
  explicit OctetsInMemory(std::string_view octets) : octets_(octets) {}
  Result<std::string_view> next() override { return std::exchange(octets_, {}); }

 private:
  std::string_view octets_;
};

struct Letter {
  envelope::ReversePath reverse_path;
  envelope::Mailbox recipient;
  /// "detail" of user+detail@domain, for a command's EXTENSION.
  std::string extension;
  /// When the message came in: the date of an mbox separator.
  WallTime received;
  /// Whole fields with CR LF that go before the message's own: Return-Path, Delivered-To, Received.
  std::string fields;
  Octets& message;
  /// Flags and keywords that an mbox file keeps with it: of a message that a user moves.
  message::BoxState state = {};
};

/// The fields, then the message, as one sequence of octets.
class LetterOctets : public Octets {
 public:
  explicit LetterOctets(Letter& letter) : letter_(letter) {}
  Result<std::string_view> next() override {
    if (!letter_.fields.empty() && !std::exchange(fields_given_, true)) return letter_.fields;
    return letter_.message.next();
  }

 private:
  Letter& letter_;
  bool fields_given_ = false;
};

/// Turns CR LF into LF, across pieces; other octets stay. For Maildir files and commands.
class UnixLines {
 public:
  /// Views into `piece` or this object, one after the other, until `piece` is empty.
  std::string_view take(std::string_view& piece);
  /// A last CR that nothing followed.
  std::string_view finish();

 private:
  bool held_cr_ = false;
};

}  // namespace angarium::delivery
