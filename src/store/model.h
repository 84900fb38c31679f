// What a tablet should hold, as simply as possible, and random work for both: for tests.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "store/keys.h"
#include "store/tablet.h"
#include "store/testing.h"

namespace angarium::store::testing {

/// A value as the application thinks of it: its own octets, and the body it refers to.
struct Value {
  std::string octets;
  std::optional<std::string> body;
  friend bool operator==(const Value&, const Value&) = default;
};
using Contents = std::map<std::string, Value>;

/// A batch as the model sees it.
struct Change {
  enum class Kind { put, put_body, erase, erase_range, merge } kind = Kind::put;
  std::string key;
  std::string argument;  ///< value, end of the range, operand
  std::string body;
  std::optional<BodyRef> large;  ///< the body was streamed aside
};
struct Plan {
  std::vector<Change> changes;
  std::vector<std::pair<std::string, std::optional<std::string>>> expectations;

  [[nodiscard]] Batch batch() const {
    Batch batch;
    for (const Change& c : changes) {
      std::string tail(BodyRef::kSize, '.');
      switch (c.kind) {
        case Change::Kind::put: batch.put(c.key, c.argument); break;
        case Change::Kind::put_body:
          if (c.large) {
            auto ref = c.large->encode();
            batch.put(c.key, c.argument + std::string(ref.data(), ref.size()));
          } else {
            std::size_t body = batch.body(c.body);
            batch.put_with_body(c.key, c.argument + tail, body, c.argument.size());
          }
          break;
        case Change::Kind::erase: batch.erase(c.key); break;
        case Change::Kind::erase_range: batch.erase_range(c.key, c.argument); break;
        case Change::Kind::merge: batch.merge(c.key, c.argument); break;
      }
    }
    for (const auto& [key, value] : expectations)
      batch.expect(key, value ? std::optional<std::string_view>(*value) : std::nullopt);
    return batch;
  }

  [[nodiscard]] bool holds(const Contents& contents) const {
    for (const auto& [key, value] : expectations) {
      auto found = contents.find(key);
      std::optional<std::string> is = found == contents.end() ? std::nullopt : std::optional(found->second.octets);
      if (is != value) return false;
    }
    return true;
  }

  void apply(Contents& contents) const {
    for (const Change& c : changes) {
      switch (c.kind) {
        case Change::Kind::put: contents[c.key] = {c.argument, std::nullopt}; break;
        case Change::Kind::put_body: contents[c.key] = {c.argument, c.body}; break;
        case Change::Kind::erase: contents.erase(c.key); break;
        case Change::Kind::erase_range:
          contents.erase(contents.lower_bound(c.key), contents.lower_bound(c.argument));
          break;
        case Change::Kind::merge: contents[c.key].octets += c.argument; break;
      }
    }
  }
};

/// Makes up work: keys "e…" have bodies, "k…" plain values, "m…" merged ones.
class Author {
 public:
  explicit Author(Random& random, std::size_t body_max) : random_(random), body_max_(body_max) {}

  std::string key(char kind) {
    return KeyWriter().u8(static_cast<std::uint8_t>(kind)).u8(static_cast<std::uint8_t>(random_.below(24))).key();
  }
  /// Half of them can be compressed.
  std::string body() {
    const std::uint64_t length = random_.below(8) == 0 ? random_.below(body_max_) : random_.below(600);
    if (random_.below(2) == 0) return random_.octets(length);
    std::string text;
    while (text.size() < length) text += "Received: from " + std::to_string(random_.below(1000)) + ".example.org\r\n";
    text.resize(length);
    return text;
  }

  Plan plan(const Contents& contents) {
    Plan plan;
    if (random_.below(5) == 0) {
      std::string about = key("km"[random_.below(2)]);
      auto found = contents.find(about);
      std::optional<std::string> value = found == contents.end() ? std::nullopt : std::optional(found->second.octets);
      if (random_.below(3) == 0) value = "something else";
      plan.expectations.emplace_back(about, value);
    }
    for (std::uint64_t n = 1 + random_.below(4); n > 0; --n) plan.changes.push_back(change());
    return plan;
  }

 private:
  Change change() {
    switch (random_.below(10)) {
      case 0:
      case 1: return {Change::Kind::put, key('k'), random_.octets(random_.below(40)), {}, {}};
      case 2: return {Change::Kind::erase, key("ekm"[random_.below(3)]), {}, {}, {}};
      case 3: {
        std::string from = key('e');
        std::string to = key('e');
        if (from == to || random_.below(3) != 0) return {Change::Kind::erase, from, {}, {}, {}};
        return {Change::Kind::erase_range, std::min(from, to), std::max(from, to), {}, {}};
      }
      case 4:
      case 5: return {Change::Kind::merge, key('m'), random_.octets(1 + random_.below(4)), {}, {}};
      default: return {Change::Kind::put_body, key('e'), random_.octets(random_.below(20)), body(), {}};
    }
  }
  Random& random_;
  std::size_t body_max_;
};

/// What the tablet holds. An error if anything can't be read.
inline Result<Contents> read_all(Tablet& tablet) {
  Contents contents;
  Result<> bodies;
  const ReadView view = TRY(tablet.view());
  TRY(tablet.scan({}, {}, {},
                  [&](std::string_view key, std::string_view octets) {
                    Value value{std::string(octets), std::nullopt};
                    if (key.starts_with('e')) {
                      std::optional<BodyRef> ref;
                      if (octets.size() >= BodyRef::kSize)
                        ref = BodyRef::decode(octets.substr(octets.size() - BodyRef::kSize));
                      if (!ref) {
                        bodies = fail(kDamaged, "a value has no reference");
                        return Step::stop;
                      }
                      value.octets.resize(octets.size() - BodyRef::kSize);
                      value.body = std::string(ref->length, '\0');
                      bodies = tablet.read_body(*ref, 0, *value.body);
                    }
                    contents[std::string(key)] = std::move(value);
                    return bodies ? Step::next : Step::stop;
                  },
                  {&view, Tier::any}));
  TRY(bodies);
  return contents;
}

}  // namespace angarium::store::testing
