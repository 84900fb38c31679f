#include "simulation/users.h"

#include <fmt/format.h>

#include <algorithm>

#include "message/dots.h"
#include "simulation/witness.h"
#include "wire/connection/connection.h"

namespace angarium::simulation {
namespace {

namespace smtp = protocol::smtp;
using namespace std::chrono_literals;

constexpr smtp::ClientTimes kPatience{
    .greeting = 30s, .hello = 30s, .mail = 30s, .rcpt = 30s, .data = 30s, .block = 30s, .end_of_data = 60s, .quit = 5s};

std::string text_of(const Errand& errand) {
  return fmt::format("Message-ID: <{}>\r\nFrom: {}\r\nSubject: a letter\r\n\r\n{}", errand.letter.token,
                     errand.letter.sender.text.empty() ? "nobody@users.test" : errand.letter.sender.text,
                     errand.letter.body);
}

envelope::Envelope envelope_of(const Errand& errand, const std::vector<Addressed>& to) {
  envelope::Envelope made{.sender = *envelope::parse_sender("<" + errand.letter.sender.text + ">"), .recipients = {}};
  for (const Addressed& one : to) {
    const std::string notify = one.notify.empty() ? "" : " NOTIFY=" + one.notify;
    made.recipients.push_back(*envelope::parse_recipient("<" + one.address.text + ">" + notify));
  }
  return made;
}

}  // namespace

void Users::send(Errand errand) {
  ++busy_;
  around_.loop.spawn(go(std::move(errand)));
}

io::Task<> Users::go(Errand errand) {
  co_await around_.loop.sleep_for(errand.after);
  std::vector<Addressed> left = errand.letter.recipients;
  while (!left.empty()) {
    left = co_await attempt(errand, std::move(left));
    if (!left.empty()) co_await around_.loop.sleep_for(10s + Duration(around_.chance.below(20'000'000)));
  }
  --busy_;
}

io::Task<std::vector<Addressed>> Users::attempt(const Errand& errand, std::vector<Addressed> left) {
  auto stream = co_await place_.connect(errand.server);
  if (!stream) co_return left;
  auto connection = wire::plain_connection(overheard(
      *std::move(stream), [this](std::string_view line) { around_.ledger.hear(kUsers, line, around_.loop.now()); }));
  smtp::Client speaker(*connection, {.name = "users.test", .chunking = errand.chunking, .times = kPatience});
  std::vector<Addressed> again = left;
  if (co_await speaker.open()) {
    const std::string text = text_of(errand);
    smtp::MessageInMemory source(text);
    message::LineScanner seen;
    seen.feed(text);
    const auto report = co_await speaker.send(envelope_of(errand, left), smtp::facts_of(seen, false), source);
    if (report) {
      again.clear();
      for (std::size_t i = 0; i < left.size(); ++i)
        if (report->recipients[i].transient()) again.push_back(left[i]);
    }
    around_.journal.note("users", fmt::format("{}: {} of {} left{}", errand.letter.token, again.size(), left.size(),
                                              report ? "" : ", " + report.error().text()));
    if (report) co_await speaker.quit();
  }
  connection->close();
  co_return again;
}

}  // namespace angarium::simulation
