#include "control/request.h"

#include <boost/json.hpp>

#include "base/text.h"

namespace angarium::control {
namespace {

namespace json = boost::json;

Result<json::object> parse_object(std::string_view line) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 32;
  json::value value = json::parse({line.data(), line.size()}, error, {}, options);
  if (error || !value.is_object()) return fail(kMalformed, "the line is no JSON object");
  return std::move(value.as_object());
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::uint64_t number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  boost::system::error_code error;
  return value != nullptr ? value->to_number<std::uint64_t>(error) : 0;
}

}  // namespace

std::string_view Request::get(std::string_view name) const {
  for (const auto& [key, value] : arguments)
    if (key == name) return value;
  return {};
}

bool Request::has(std::string_view name) const {
  for (const auto& [key, value] : arguments)
    if (key == name) return true;
  return false;
}

std::vector<std::string> Request::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : arguments)
    if (key == name) values.push_back(value);
  return values;
}

Reply failure(const Error& error) { return {error.temporary() ? kTemporary : kFailed, error.text(), "null"}; }

std::string encode(const Request& request) {
  json::array arguments;
  for (const auto& [name, value] : request.arguments)
    arguments.push_back(json::array{json::string(name), json::string(value)});
  return json::serialize(json::object{{"verb", request.verb}, {"arguments", std::move(arguments)}}) + "\n";
}

std::string encode(const Reply& reply) {
  boost::system::error_code error;
  json::value result = json::parse(reply.result, error);
  return json::serialize(
             json::object{{"exit", reply.exit_code}, {"error", reply.error}, {"result", std::move(result)}}) +
         "\n";
}

std::string encode(const Progress& progress) {
  return json::serialize(json::object{{"progress", json::object{{"done", progress.done}, {"all", progress.all}}}}) +
         "\n";
}

Result<Request> decode_request(std::string_view line) {
  const json::object object = TRY(parse_object(line));
  Request request{.verb = text_of(object, "verb"), .arguments = {}};
  if (request.verb.empty()) return fail(kMalformed, "the request has no verb");
  const json::value* arguments = object.if_contains("arguments");
  if (arguments == nullptr) return request;
  if (!arguments->is_array()) return fail(kMalformed, "the request's arguments are no list");
  for (const json::value& argument : arguments->get_array()) {
    const json::array* pair = argument.if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
      return fail(kMalformed, "an argument is a pair of texts");
    request.add(std::string((*pair)[0].get_string()), std::string((*pair)[1].get_string()));
  }
  return request;
}

Result<Message> decode_message(std::string_view line) {
  const json::object object = TRY(parse_object(line));
  Message message;
  const json::value* progress = object.if_contains("progress");
  if (progress != nullptr && progress->is_object()) {
    message.progress = {number_of(progress->get_object(), "done"), number_of(progress->get_object(), "all")};
    return message;
  }
  message.last = true;
  const json::value* exit_code = object.if_contains("exit");
  boost::system::error_code error;
  if (exit_code != nullptr) message.reply.exit_code = exit_code->to_number<std::uint8_t>(error);
  if (exit_code == nullptr || error) return fail(kMalformed, "the reply has no exit code");
  message.reply.error = text_of(object, "error");
  const json::value* result = object.if_contains("result");
  if (result == nullptr) return fail(kMalformed, "the reply has no result");
  message.reply.result = json::serialize(*result);
  return message;
}

}  // namespace angarium::control
