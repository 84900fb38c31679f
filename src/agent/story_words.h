// Life stories in plain words: what happened, in order, and what may be done where something failed.
#pragma once

#include <string>
#include <vector>

#include "agent/standing.h"
#include "base/time.h"
#include "trace/types.h"

namespace angarium::agent {

struct Said {
  WallTime at;
  std::string words;  ///< texts of others are escaped
};

/// Octets of others' texts that are told.
inline constexpr std::size_t kWordsTold = 300;

/// "550 5.1.1 (Bad destination mailbox address)".
std::string code_words(const trace::Code& code);
/// "5.1.1"; empty: it has none.
std::string status_of(const trace::Code& code);
std::string address_words(const trace::Text& text);
std::string peer_words(std::string_view octets);
std::string_view door_word(trace::Door door);
std::string_view course_word(trace::Course course);
std::string_view step_word(trace::Step step);
std::string_view fate_word(trace::Fate::Kind kind);
std::string_view event_word(trace::Event::Kind kind);

/// How it came and what was decided. `places`: where copies of each recipient lie, a line each.
std::vector<Said> tell(const trace::Beginning& beginning, const std::vector<std::vector<std::string>>& places);
std::vector<Said> tell(const trace::Event& event, const std::vector<std::vector<std::string>>& places);
/// Whether the second attempt ended as the first did, so that it need not be told in full.
bool ended_alike(const trace::Event& one, const trace::Event& other);

/// What the operator can do, a line each; `id` is how commands name the message.
std::vector<std::string> advice(const trace::Beginning& beginning);
/// For who failed since.
std::vector<std::string> advice(const std::vector<Standing>& standings);

}  // namespace angarium::agent
