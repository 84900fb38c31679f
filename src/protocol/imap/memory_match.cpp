// SEARCH on the text of a message (RFC 9051 §6.4.4): headers with their encoded words decoded, bodies with their
// transfer encoding and charset undone, compared without regard to case.
#include <chrono>

#include "message/date.h"
#include "message/fuzzy.h"
#include "message/header.h"
#include "message/search_text.h"
#include "protocol/imap/memory_backend.h"

namespace angarium::protocol::imap {
namespace {

using Key = SearchNode::Key;

bool sent(const message::Header& header, const TextKey& key) {
  const auto field = header.find("Date");
  const auto date = field ? message::parse_date(field->value) : std::nullopt;
  if (!date) return false;
  using namespace std::chrono;
  const auto& day = date->day;
  const auto days = sys_days(year_month_day(year(day.year), month(static_cast<unsigned>(day.month)),
                                            std::chrono::day(static_cast<unsigned>(day.day))))
                        .time_since_epoch()
                        .count();
  if (key.key == Key::sent_before) return days < key.day.days;
  return key.key == Key::sent_on ? days == key.day.days : days >= key.day.days;
}

}  // namespace

char matches_key(const MemoryEmail& email, const TextKey& key) {
  using message::TextPlace;
  const auto holds = [&](message::TextPlaces places) -> char {
    if (key.fuzzy) {
      const message::FuzzySearch search(places, key.value, key.name, key.weights);
      return static_cast<char>(search.score(email.octets, &email.structure));
    }
    return message::TextSearch(places, key.value, key.name, key.collation).found_in(email.octets, &email.structure) ? 1
                                                                                                                    : 0;
  };
  switch (key.key) {
    case Key::from: return holds(place_bit(TextPlace::from));
    case Key::to: return holds(place_bit(TextPlace::to));
    case Key::cc: return holds(place_bit(TextPlace::cc));
    case Key::bcc: return holds(place_bit(TextPlace::bcc));
    case Key::subject: return holds(place_bit(TextPlace::subject));
    case Key::header: return holds(place_bit(message::place_of_field(key.name)));
    case Key::body: return holds(place_bit(TextPlace::body));
    case Key::text: return holds(message::kEveryPlace);
    case Key::sent_before:
    case Key::sent_on:
    case Key::sent_since: return sent(message::Header(email.octets), key) ? 1 : 0;
    default: return 0;
  }
}

}  // namespace angarium::protocol::imap
