#include "agent/imap_search.h"

#include <chrono>

#include "agent/imap_texts.h"
#include "base/log.h"
#include "index/index.h"
#include "message/date.h"
#include "message/header.h"

namespace angarium::agent {
namespace {

using Key = protocol::imap::SearchNode::Key;

/// Days since 1970-01-01 of a date as its writer put it.
std::int64_t days_of(const message::CivilDay& day) {
  using namespace std::chrono;
  return sys_days(year_month_day(year(day.year), month(static_cast<unsigned>(day.month)),
                                 std::chrono::day(static_cast<unsigned>(day.day))))
      .time_since_epoch()
      .count();
}

class Indexed final : public protocol::imap::Candidates {
 public:
  explicit Indexed(index::Found found) : found_(std::move(found)) {}
  [[nodiscard]] Verdict of(const protocol::imap::Entry& message) const override {
    switch (found_.of(message.email)) {
      case index::Found::Verdict::no: return Verdict::no;
      case index::Found::Verdict::yes: return Verdict::yes;
      default: return Verdict::look;
    }
  }

 private:
  index::Found found_;
};

}  // namespace

std::uint64_t header_octets(const mailbox::EmailView& email) {
  const auto structure = message_structure(email);
  return structure ? structure->root().body_begin : email.size;
}

message::TextPlaces places_of(const protocol::imap::TextKey& key) {
  using message::TextPlace;
  switch (key.key) {
    case Key::from: return place_bit(TextPlace::from);
    case Key::to: return place_bit(TextPlace::to);
    case Key::cc: return place_bit(TextPlace::cc);
    case Key::bcc: return place_bit(TextPlace::bcc);
    case Key::subject: return place_bit(TextPlace::subject);
    case Key::header: return place_bit(message::place_of_field(key.name));
    // RFC 9051 §6.4.4: TEXT looks at MIME header fields, too; BODY does not.
    case Key::body: return place_bit(TextPlace::body);
    case Key::text: return message::kEveryPlace;
    default: return 0;
  }
}

TextMatcher::TextMatcher(const protocol::imap::TextKey& key)
    : key_(key.key), search_(places_of(key), key.value, key.name, key.collation), day_(key.day) {}

bool TextMatcher::needs_body() const { return key_ == Key::body || key_ == Key::text; }

bool TextMatcher::sent(std::string_view octets) const {
  const auto field = message::Header(octets).find("Date");
  const auto date = field ? message::parse_date(field->value) : std::nullopt;
  if (!date) return false;
  const std::int64_t days = days_of(date->day);
  if (key_ == Key::sent_before) return days < day_.days;
  return key_ == Key::sent_on ? days == day_.days : days >= day_.days;
}

bool TextMatcher::matches(std::string_view octets, const std::optional<message::Structure>& structure) const {
  if (search_.places() == 0) return sent(octets);
  return search_.found_in(octets, structure ? &*structure : nullptr);
}

io::Task<Result<std::shared_ptr<const protocol::imap::Candidates>>> find_candidates(io::Pool& pool,
                                                                                    store::Tablet& tablet,
                                                                                    mailbox::AccountId account,
                                                                                    protocol::imap::TextKey key) {
  const message::TextPlaces places = places_of(key);
  if (places == 0) co_return nullptr;
  auto found = co_await io::run(pool,
                                [&tablet, account, places, value = std::string(key.value),
                                 name = std::string(key.name)]() -> Result<std::optional<index::Found>> {
                                  const bool everywhere = places == message::kEveryPlace;
                                  return index::Index(tablet, account)
                                      .find({value, everywhere ? index::kAllPlaces : index::Places{places}, name});
                                });
  if (!found) {
    // The mail is there: it is read instead.
    log::warning("imap", "the index does not answer, a search reads all mail",
                 {{"account", account}, {"kind", found.error().kind().name}, {"error", found.error().text()}});
    co_return nullptr;
  }
  if (!*found) co_return nullptr;
  co_return std::make_shared<const Indexed>(**std::move(found));
}

}  // namespace angarium::agent
