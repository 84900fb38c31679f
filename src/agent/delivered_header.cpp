#include "agent/delivered_header.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "message/header.h"
#include "message/lexical.h"

namespace angarium::agent {
namespace {

constexpr std::string_view kReturnPath = "Return-Path";

}  // namespace

DeliveredHeader::Verdict DeliveredHeader::judge(std::string_view line) const {
  if (line.empty() || line == "\r") return Verdict::undecided;
  if (line.starts_with('\n') || line.starts_with("\r\n")) return Verdict::body;
  if (is_wsp(line.front())) {
    if (dropped_) return Verdict::drop;
    return first_ ? Verdict::no_header : Verdict::keep;
  }
  std::size_t name = 0;
  while (name < line.size() && message::is_of(line[name], message::kFtext)) ++name;
  const bool return_path = equals_ignore_case(line.substr(0, name), kReturnPath);
  const bool may_become = equals_ignore_case(line.substr(0, name), kReturnPath.substr(0, name));
  // Further down only Return-Path matters; a line that is no field stays where it is.
  if (!first_ && !may_become) return Verdict::keep;
  std::size_t colon = name;
  while (colon < line.size() && is_wsp(line[colon])) ++colon;  // RFC 5322 §4.5: blanks before the colon
  const Verdict no_field = first_ ? Verdict::no_header : Verdict::keep;
  if (name > message::kFieldNameMax || colon > kHeldMax) return no_field;
  if (colon == line.size()) return Verdict::undecided;
  if (line[colon] != ':' || name == 0) return no_field;
  return return_path ? Verdict::drop : Verdict::keep;
}

void DeliveredHeader::settle(Verdict verdict) {
  const bool keep = verdict == Verdict::keep;
  const bool drop = verdict == Verdict::drop;
  where_ = keep ? Where::kept_line : drop ? Where::dropped_line : Where::body;
  dropped_ = drop;
  if (!drop) first_ = false;
}

std::string_view DeliveredHeader::next(std::string_view& octets) {
  const std::string_view all = octets;
  std::size_t at = 0;  // what lies before is kept
  while (at < all.size()) {
    if (where_ == Where::body) {
      at = all.size();
    } else if (where_ == Where::line_start) {
      const Verdict verdict = held_.empty() ? judge(all.substr(at)) : Verdict::undecided;
      const bool simple = verdict == Verdict::keep || verdict == Verdict::body;
      if (!simple) break;
      settle(verdict);
    } else {
      const std::size_t feed = all.find('\n', at);
      const std::size_t end = feed == std::string_view::npos ? all.size() : feed + 1;
      if (where_ == Where::dropped_line) {
        if (at > 0) break;
        if (feed != std::string_view::npos) where_ = Where::line_start;
        octets.remove_prefix(end);
        return {};
      }
      if (feed != std::string_view::npos) where_ = Where::line_start;
      at = end;
    }
  }
  octets.remove_prefix(at);
  if (at > 0 || octets.empty()) return all.substr(0, at);
  // A line that is dropped, that is no field, or whose beginning lies in two pieces.
  Verdict verdict = Verdict::undecided;
  while (verdict == Verdict::undecided && !octets.empty()) {
    held_ += octets.front();
    octets.remove_prefix(1);
    verdict = judge(held_);
  }
  if (verdict == Verdict::undecided) return {};
  given_ = std::exchange(held_, {});
  settle(verdict);
  if (verdict == Verdict::drop) return {};
  if (verdict == Verdict::no_header) given_.insert(0, "\r\n");
  if (verdict == Verdict::keep && given_.ends_with('\n')) where_ = Where::line_start;
  return given_;
}

std::string_view DeliveredHeader::finish() {
  given_ = std::exchange(held_, {});
  if (first_ && !given_.empty()) given_.insert(0, "\r\n");
  return given_;
}

}  // namespace angarium::agent
