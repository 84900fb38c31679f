// What full-text search costs: processor time a message for indexing and merging, octets of index for octets of mail,
// and the time of questions, on synthetic mail whose words are as frequent as those of a language (Zipf).
//
//   build/release/bench/micro/index_bench DIRECTORY [MESSAGES] [SEED]
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "index/index.h"
#include "index/words.h"
#include "message/structure.h"
#include "store/tablet.h"

using namespace angarium;

namespace {

constexpr std::size_t kVocabulary = 300'000;
constexpr std::size_t kPeople = 2'000;
constexpr index::AccountId kAccount = 7;

double processor_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

double wall_us() { return static_cast<double>(system_clock().now().microseconds); }

/// Mail as it is: text of about 3 KB, a header of about 1.5 KB with ids nobody ever sees again, every tenth in HTML,
/// too.
class Mail {
 public:
  explicit Mail(std::uint64_t seed) : random_(seed) {
    for (std::size_t i = 0; i < kVocabulary; ++i) words_.push_back(syllables(i));
    double sum = 0;
    for (std::size_t i = 0; i < kVocabulary; ++i) sums_.push_back(sum += 1 / static_cast<double>(i + 2));
  }
  [[nodiscard]] const std::string& word(std::size_t rank) const { return words_[rank]; }

  std::string next() {
    const std::string from = person();
    const std::string to = person();
    std::string made = "Return-Path: <" + from + ">\r\nReceived: from mail." + from.substr(from.find('@') + 1) +
                       " (mail.example [192.0.2.7])\r\n\tby mx.example.test (Angarium) with ESMTPS id " + token(12) +
                       "\r\n\tfor <" + to +
                       ">; Sat, 21 Nov 2026 12:00:00 +0000\r\nDKIM-Signature: v=1; a=rsa-sha256; "
                       "c=relaxed/relaxed; d=far.example; s=mail;\r\n\th=from:to:subject:date; bh=" +
                       token(43) + "=;\r\n\tb=" + token(70) + "\r\n\t " + token(70) + "\r\n\t " + token(60) +
                       "==\r\nMessage-ID: <" + token(24) + "@" + from.substr(from.find('@') + 1) +
                       ">\r\nFrom: " + name(from) + " <" + from + ">\r\nTo: " + name(to) + " <" + to +
                       ">\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\nSubject: " + text(8) +
                       "\r\nUser-Agent: Mutt/2.2.9\r\nMIME-Version: 1.0\r\n";
    const auto words = static_cast<std::size_t>(100 * std::exp(1.6 * uniform() + uniform()));
    const std::string body = paragraphs(words);
    if (random_.below(10) != 0) return made + "Content-Type: text/plain; charset=utf-8\r\n\r\n" + body;
    return made + "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n" +
           body + "\r\n--b\r\nContent-Type: text/html\r\n\r\n<html><head><style>p{color:red}</style></head><body><p>" +
           body + "</p></body></html>\r\n--b--\r\n";
  }

 private:
  double uniform() { return static_cast<double>(random_.number() >> 11) / 9007199254740992.0; }
  std::string syllables(std::size_t n) {
    static constexpr const char* kSyllables[] = {"ka", "to",  "mi",  "re", "sun", "dal", "ver", "pe",
                                                 "lo", "tin", "gra", "be", "os",  "ur",  "nik", "fa"};
    std::string made;
    for (std::size_t left = n * 7 + 3; left != 0; left /= 16) made += kSyllables[left % 16];
    return made;
  }
  const std::string& any_word() {
    const double at = uniform() * sums_.back();
    return words_[static_cast<std::size_t>(std::ranges::lower_bound(sums_, at) - sums_.begin())];
  }
  std::string text(std::size_t words) {
    std::string made;
    for (std::size_t i = 0; i < words; ++i) made += (i == 0 ? "" : " ") + any_word();
    return made;
  }
  std::string paragraphs(std::size_t words) {
    std::string made;
    for (; words > 10; words -= 10) made += text(10) + ".\r\n";
    return made + text(words) + "\r\n";
  }
  std::string token(std::size_t octets) {
    static constexpr std::string_view kOctets = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string made;
    while (made.size() < octets) made += kOctets[random_.below(kOctets.size())];
    return made;
  }
  std::string person() {
    const std::size_t n = random_.below(kPeople);
    return words_[n + 500] + "." + words_[n + 9000] + "@" + words_[n % 100 + 700] + ".example";
  }
  static std::string name(const std::string& address) {
    std::string made = address.substr(0, address.find('@'));
    std::ranges::replace(made, '.', ' ');
    return made;
  }

  SeededRandom random_;
  std::vector<std::string> words_;
  std::vector<double> sums_;
};

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "{}\n", result.error().text());
  std::exit(1);
}

/// `find`: answers with what has a verdict for each email.
template <class Find>
void ask(const char* what, std::uint64_t messages, Find find) {
  std::vector<double> times;
  std::size_t yes = 0;
  std::size_t look = 0;
  for (int round = 0; round < 5; ++round) {
    const double before = wall_us();
    const auto found = must(find());
    times.push_back(wall_us() - before);
    yes = look = 0;
    for (std::uint64_t email = 1; email <= messages; ++email) {
      const auto verdict = found->of(email);
      yes += verdict == index::Found::Verdict::yes ? 1 : 0;
      look += verdict == index::Found::Verdict::look ? 1 : 0;
    }
  }
  std::ranges::sort(times);
  fmt::print("  {:<34} {:>8.2f} ms   {:>7} found, {:>6} to be looked into\n", what, times[2] / 1000, yes, look);
}

void ask(const index::Index& index, const char* what, std::string_view value, std::uint64_t messages,
         index::Places places = index::kAllPlaces) {
  ask(what, messages, [&] { return index.find({.value = value, .places = places, .name = {}}); });
}

void ask_alike(const index::Index& index, const char* what, std::string_view value, std::uint64_t messages) {
  ask(what, messages, [&] { return index.find_alike({.value = value, .places = index::kAllPlaces, .name = {}}); });
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "usage: index_bench DIRECTORY [MESSAGES] [SEED]\n");
    return 2;
  }
  const std::uint64_t messages = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 100'000;
  Mail mail(count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 1);
  const std::string directory = std::string(arguments[1]) + "/index_bench";
  std::filesystem::remove_all(directory);
  auto tablet = must(store::Tablet::open(must(store::open_local_volume(directory)), {.reserve = 0}));
  index::Index index(*tablet, kAccount);
  const auto alive = [](std::span<const index::EmailId> emails) -> Result<std::vector<bool>> {
    return std::vector<bool>(emails.size(), true);
  };

  std::uint64_t octets = 0;
  double gathering = 0;
  double writing = 0;
  double merging = 0;
  index::State state;
  index::Gatherer gathered;
  const std::string needle = "quetzalcoatl";
  for (std::uint64_t email = 1; email <= messages; ++email) {
    std::string octets_of = mail.next();
    if (email % 10'000 == 777) octets_of += "about " + needle + " and more\r\n";
    octets += octets_of.size();
    double before = processor_us();
    const message::Structure structure = message::parse_structure(octets_of);
    gathered.add(email, octets_of, &structure);
    gathering += processor_us() - before;
    // As an account that is indexed every 64 messages.
    if (email % 64 != 0 && email != messages) continue;
    before = processor_us();
    state = must(index.append(state, gathered, email, 0));
    gathered.clear();
    writing += processor_us() - before;
    before = processor_us();
    while (const auto due = index::due_to_merge(state)) state = must(index.merge(state, *due, alive, 0));
    merging += processor_us() - before;
  }
  const double n = static_cast<double>(messages);
  fmt::print("{} messages, {:.1f} KB each; processor a message: {:.0f} us gathering, {:.0f} writing, {:.0f} merging\n",
             messages, static_cast<double>(octets) / n / 1000, gathering / n, writing / n, merging / n);
  if (!tablet->flush()) return 1;
  const double written = static_cast<double>(tablet->stats().log_size);
  fmt::print("index {:.1f} % of the mail (uncompressed), {} chunks; written for it {:.1f} % of the mail\n",
             100 * static_cast<double>(state.octets()) / static_cast<double>(octets), state.chunks.size(),
             100 * written / static_cast<double>(octets));
  ask(index, "a rare word", needle, messages);
  ask(index, "part of a rare word", "zalcoa", messages);
  ask(index, "the beginning of a rare word", "quetz", messages);
  ask(index, "a common word", mail.word(0), messages);
  ask(index, "a word of the middle", mail.word(2000), messages);
  ask(index, "two words", mail.word(2000) + " " + mail.word(0), messages);
  ask(index, "what nobody has", "xqzzyx", messages);
  ask(index, "a sender", "." + mail.word(9001) + "@", messages, index::Places{1} << 3);
  std::string misspelled = mail.word(2000);
  misspelled[misspelled.size() / 2] = 'x';
  ask_alike(index, "near a rare word", "quetzalcotl", messages);
  ask_alike(index, "near a common word", mail.word(0), messages);
  ask_alike(index, "near a word of the middle", misspelled, messages);
  ask_alike(index, "near two words", misspelled + " " + mail.word(0), messages);
  tablet.reset();
  std::filesystem::remove_all(directory);
  return 0;
}
