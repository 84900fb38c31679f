#include "message/fuzzy.h"

#include "message/charset.h"
#include "message/words.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

unsigned near(std::string_view word, std::string_view term) {
  const auto words = fuzzy_words(word);
  REQUIRE(words.size() == 1);
  return words.front().nearness(fold_case(term));
}

constexpr std::string_view kLetter =
    "From: Anna <anna@example.org>\r\nSubject: IMAP is broken\r\nX-Note: hidden\r\n\r\nHello there, all is well.\r\n";

unsigned score(std::string_view value, TextPlaces places, std::string_view octets = kLetter,
               std::string_view name = {}) {
  const Structure structure = parse_structure(octets);
  return FuzzySearch(places, value, name).score(octets, &structure);
}

constexpr TextPlaces kSubject = place_bit(TextPlace::subject);
constexpr TextPlaces kBody = place_bit(TextPlace::body);

}  // namespace

TEST_CASE("RFC 6203 4: what is misspelled is near, and less than what is equal") {
  CHECK(near("hello", "HELLO") == 100);
  CHECK(near("Helo", "hello") == 57);   // one letter is missing
  CHECK(near("Helo", "help") == 57);    // one is another
  CHECK(near("hlelo", "hello") == 63);  // neighbours are swapped
  CHECK(near("mesage", "message") == 68);
  CHECK(near("messgae", "mesasge") == 52);  // twice
  CHECK(near("hello", "jello") == 0);       // the first letter is right
  CHECK(near("Grüsse", "grusse") > 0);
}

TEST_CASE("mistakes are forgiven by the length of the word: none in two letters, one in three, two in six") {
  CHECK(near("ab", "ac") == 0);
  CHECK(near("abc", "abd") == 45);
  CHECK(near("abc", "ade") == 0);
  CHECK(near("abcde", "abfge") == 0);
  CHECK(near("abcdef", "abghef") == 45);
  CHECK(near("abcdef", "aghief") == 0);
}

TEST_CASE("what begins with a word is near, and so is another ending of it") {
  CHECK(near("work", "workshop") == 70);
  CHECK(near("wor", "world") == 74);
  CHECK(near("wo", "wonderful") == 0);
  CHECK(near("working", "worked") == 67);
  CHECK(near("searching", "search") == 70);
  CHECK(near("breaking", "brea") == 0);     // an ending of four
  CHECK(near("intends", "interest") == 0);  // a stem of three
}

TEST_CASE("digits are right, and so are the letters of a word that nobody types") {
  CHECK(near("rfc9051", "rfc9051") == 100);
  CHECK(near("rfc9051", "rfc9052") == 0);
  CHECK(near("rfc90", "rfc9051") > 0);
  const std::string limit(kFuzzyLettersMax, 'a');
  CHECK(near(limit, limit.substr(1) + "b") > 0);
  CHECK(near(limit + "a", limit + "b") == 0);
  CHECK(near(limit + "a", limit + "ab") > 0);
}

TEST_CASE("scripts without blanks: pairs are equal, one character is part of them") {
  CHECK(near("搜索", "搜索") == 100);
  CHECK(near("搜索", "搜引") == 0);
  CHECK(near("索", "搜索") == 90);
  CHECK(near("索", "索引") == 90);
  CHECK(near("索", "索") == 100);
  CHECK(near("索", "引擎") == 0);
}

TEST_CASE("so many words count, each once") {
  std::string text = "a A a ";
  for (std::size_t i = 1; i < kFuzzyWordsMax; ++i) text += "w" + std::to_string(i) + " ";
  CHECK(fuzzy_words(text).size() == kFuzzyWordsMax);
  CHECK(fuzzy_words(text + "more").size() == kFuzzyWordsMax);
  CHECK(fuzzy_words(text + "more").back().term() == "W" + std::to_string(kFuzzyWordsMax - 1));
  CHECK(fuzzy_words("...").empty());
  CHECK(fuzzy_words("").empty());
}

TEST_CASE("RFC 6203 3: words in any order match, all of two and two of three") {
  CHECK(score("broken IMAP", kSubject) == 100);
  CHECK(score("IMAP work", kSubject) == 0);
  CHECK(score("IMAP broken work", kSubject) > 0);
  CHECK(score("IMAP work play", kSubject) == 0);
  CHECK(score("IMAP broken work", kSubject) < score("IMAP is broken", kSubject));
}

TEST_CASE("RFC 6203 4: scores are 1 to 100, and a subject says more than a body") {
  CHECK(score("imap", kSubject) == 100);
  CHECK(score("hello", kBody) == 100);
  CHECK(score("imap", kEveryPlace) == 80);
  CHECK(score("hello", kEveryPlace) == 51);
  CHECK(score("anna", kEveryPlace) == 70);
  CHECK(score("imaps", kSubject) < 100);
  CHECK(score("nowhere", kEveryPlace) == 0);
  CHECK(score("subject", kEveryPlace) == 0);  // the name of a field says nothing
  CHECK(score("hello", kSubject) == 0);
}

TEST_CASE("a header field is looked for by its name") {
  const TextPlaces header = place_bit(TextPlace::header);
  CHECK(score("hiden", header, kLetter, "x-note") > 0);
  CHECK(score("hidden", header, kLetter, "x-other") == 0);
}

TEST_CASE("rare words count more") {
  CHECK(weight_of(1, 1000) > weight_of(500, 1000));
  CHECK(weight_of(1000, 1000) > 0);
  const Presence both[] = {200, 200};
  const Presence first[] = {200, 100};
  const float weights[] = {weight_of(1, 1000), weight_of(900, 1000)};
  const float turned[] = {weights[1], weights[0]};
  CHECK(fuzzy_score(both, weights, kBody) == 100);
  CHECK(fuzzy_score(first, weights, kBody) > fuzzy_score(first, {}, kBody));
  CHECK(fuzzy_score(first, turned, kBody) < fuzzy_score(first, {}, kBody));
}
