#include "message/ascii_form.h"

#include <algorithm>

#include "base/text.h"
#include "message/downgrade.h"

namespace angarium::message {

std::vector<std::uint32_t> headers_for_ascii(const Structure& structure) {
  std::vector<std::uint32_t> chosen;
  std::uint64_t octets_of_parts = 0;
  for (std::uint32_t i = 0; i < structure.parts.size(); ++i) {
    const Part& part = structure.parts[i];
    if (!part.eight_bit_header) continue;
    std::uint64_t octets = part.header().size;
    if (i != 0) octets = octets_of_parts += octets;
    if (octets <= kAsciiHeaderMax) chosen.push_back(i);
  }
  return chosen;
}

AsciiForm::AsciiForm(const Structure& structure, std::string_view message) {
  for (const std::uint32_t index : headers_for_ascii(structure)) {
    const Range place = structure.parts[index].header();
    add(place, place.of(message));
  }
}

void AsciiForm::add_prepended(std::string_view fields) {
  if (all_ascii(fields)) return;
  add({0, fields.size()}, fields);
  beyond_ascii_ = 0;
}

void AsciiForm::add(Range place, std::string_view header) {
  const auto beyond_ascii = static_cast<std::uint64_t>(
      std::ranges::count_if(header, [](char c) { return static_cast<unsigned char>(c) > 127; }));
  if (beyond_ascii > kAsciiOctetsMax - beyond_ascii_) return;
  beyond_ascii_ += beyond_ascii;
  std::string octets = ascii_header(header);
  if (octets == header) return;  // of no valid UTF-8
  const std::int64_t growth_before = growth();
  const std::int64_t lines_before = changes_.empty() ? 0 : changes_.back().lines;
  const auto lines = std::ranges::count(octets, '\n') - std::ranges::count(header, '\n');
  changes_.push_back({.original = place,
                      .begin = place.begin + static_cast<std::uint64_t>(growth_before),
                      .octets = std::move(octets),
                      .growth = 0,
                      .lines = lines_before + lines});
  changes_.back().growth = growth_before + static_cast<std::int64_t>(changes_.back().octets.size() - place.size);
}

std::size_t AsciiForm::before(std::uint64_t offset) const {
  const auto after =
      std::ranges::upper_bound(changes_, offset, {}, [](const Change& change) { return change.original.end(); });
  return static_cast<std::size_t>(after - changes_.begin());
}

std::uint64_t AsciiForm::shown(std::uint64_t offset) const {
  const std::size_t count = before(offset);
  return count == 0 ? offset : offset + static_cast<std::uint64_t>(changes_[count - 1].growth);
}

Range AsciiForm::shown(Range range) const {
  const std::uint64_t begin = shown(range.begin);
  return {begin, shown(range.end()) - begin};
}

std::uint64_t AsciiForm::shown_lines(Range range, std::uint64_t lines) const {
  const auto more = [&](std::uint64_t offset) {
    const std::size_t count = before(offset);
    return count == 0 ? 0 : static_cast<std::uint64_t>(changes_[count - 1].lines);
  };
  return lines + more(range.end()) - more(range.begin);
}

AsciiForm::Stretch AsciiForm::at(std::uint64_t offset, std::uint64_t count) const {
  const auto next = std::ranges::upper_bound(changes_, offset, {}, [](const Change& change) { return change.begin; });
  if (next != changes_.end()) count = std::min(count, next->begin - offset);
  if (next == changes_.begin()) return {.octets = {}, .original = {offset, count}};
  const Change& last = *(next - 1);
  const std::uint64_t into = offset - last.begin;
  if (into < last.octets.size()) return {.octets = std::string_view(last.octets).substr(into, count), .original = {}};
  return {.octets = {}, .original = {offset - static_cast<std::uint64_t>(last.growth), count}};
}

Structure AsciiForm::structure(Structure original) const {
  const auto inside = [&](const Range& range) {
    const std::size_t next = before(range.begin);
    return next < changes_.size() && changes_[next].original.begin <= range.begin;
  };
  const auto move = [&](Range& range) {
    if (range.begin == 0 && range.size == 0) return;
    range = inside(range) ? Range() : Range{shown(range.begin), range.size};
  };
  for (Part& part : original.parts) {
    part.lines = shown_lines(part.body(), part.lines);
    part.header_begin = shown(part.header_begin);
    part.body_begin = shown(part.body_begin);
    part.body_end = shown(part.body_end);
    move(part.type);
    move(part.subtype);
    for (Range& field : part.fields) move(field);
  }
  original.size = shown(original.size);
  return original;
}

}  // namespace angarium::message
