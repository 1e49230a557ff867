// A shop's document and a server that plays it, with what a hostile document and arguments would try.
#include <cstdlib>

#include <fmt/format.h>

#include "actors/http/server.test.hpp"
#include "actors/openapi/source.hpp"

using namespace hocket;
using namespace hocket::openapi;

namespace {

constexpr const char* shop = R"(openapi: 3.0.3
info: {title: Shop, version: "1"}
servers: [{url: "https://shop.example/v1"}]
security: [{key: []}]
paths:
  /orders/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string}}
    get:
      operationId: getOrder
      summary: One order.
      parameters:
        - {name: fields, in: query, schema: {type: array, items: {type: string}}}
        - {name: page, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: X-Trace, in: header, schema: {type: string, nullable: true}}
        - {name: Host, in: header, schema: {type: string}}
    delete: {operationId: cancel-order}
  /orders:
    post:
      operationId: order
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
  /open:
    get: {security: [], responses: {}}
  /upload:
    put: {operationId: upload, requestBody: {required: true, content: {image/png: {}}}}
  /lost/{x}:
    get: {operationId: lost}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}
  schemas:
    Order:
      type: object
      required: [item]
      properties:
        item: {type: string, example: tea}
        count: {type: integer, minimum: 0, exclusiveMinimum: true}
        with: {type: array, items: {$ref: '#/components/schemas/Order'}}
)";

openapi::document shop_document() {
  auto read = read_document(shop);
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  return *read;
}

const operation& named(const openapi::document& d, const std::string& tool) {
  for (const auto& o : d.operations)
    if (o.tool == tool) return o;
  FAIL(tool);
  return d.operations[0];
}

std::string target(const std::string& tool, const char* arguments) {
  const auto d = shop_document();
  const auto r = request_of(named(d, tool), openapi::json::parse(arguments));
  return r ? r->target + (r->body.empty() ? "" : " " + r->body) : r.error().message;
}

std::string refused(const std::string& text) {
  const auto read = read_document(text);
  return read ? "" : read.error().message;
}

/// A source whose document is the shop's, at `server`.
struct world {
  testing::temporary_file file{shop};
  std::vector<std::string> logged;
  source::config c{.file = file.path};
  std::unique_ptr<source> s;

  std::string open() {
    s = std::make_unique<source>(c);
    tool_source_context where;
    where.name = "shop";
    where.log = [this](std::string_view m) { logged.emplace_back(m); };
    const auto done = s->open(where);
    return done ? "" : done.error().code + ": " + done.error().message;
  }
  std::string call(const std::string& tool, const std::string& arguments) {
    const auto said = s->call(tool, arguments, {});
    return said ? *said : said.error().code + ": " + said.error().message;
  }
};

}  // namespace

TEST_CASE("a document's operations are tools with arguments by schema") {
  const auto d = shop_document();
  CHECK(d.title == "Shop");
  CHECK(d.server == "https://shop.example/v1");
  std::vector<std::string> names;
  for (const auto& o : d.operations) names.push_back(o.method + " " + o.tool);
  CHECK(names == std::vector<std::string>{"GET getOrder", "DELETE cancel_order", "POST order",
                                          "GET get_open"});
  CHECK(d.left_out ==
        std::vector<std::string>{"put /upload: its body is not JSON",
                                 "get /lost/{x}: its path and its parameters differ"});
  const auto& get = named(d, "getOrder");
  CHECK(get.summary == "One order.");
  REQUIRE(get.key);
  CHECK(get.key->how == key_use::kind::header);
  CHECK(get.key->name == "X-Key");
  CHECK(!named(d, "get_open").key);
  CHECK(get.arguments_schema.find("Host") == std::string::npos);
  const auto judged = payloads::json_schema("a", get.arguments_schema).value();
  const auto why = [&](const payloads::schema_ptr& s, const char* json) {
    return s->why_unfit(text{.value = json, .role = ""});
  };
  CHECK(why(judged, R"({"id":"7","X-Trace":null})") == "");
  CHECK(why(judged, R"({})") == "`id` is missing");
  CHECK(why(judged, R"({"id":"7","x":1})") == "a name that the schema does not have");
  const auto order = payloads::json_schema("a", named(d, "order").arguments_schema).value();
  CHECK(why(order, R"({"body":{"item":"tea","count":1,"with":[{"item":"milk"}]}})") == "");
  CHECK(why(order, R"({"body":{"item":"tea","count":0}})") == "/body/count: not more than 0");
  CHECK(why(order, R"({"body":{"item":"tea","with":[{}]}})") == "/body/with/0: `item` is missing");
}

TEST_CASE("references with names that look alike lead to schemas of their own") {
  const std::string base(70, 'A');
  const auto said = [](const std::string& ref) {
    return R"({"$ref":"#/components/schemas/)" + ref + "\"}";
  };
  const auto d = read_document(
      R"({"openapi":"3.1.0","paths":{"/a":{"post":{"operationId":"a","requestBody":{"content":)"
      R"({"application/json":{"schema":{"properties":{"x":)" +
      said(base + "x") + R"(,"y":)" + said(base + "y") + R"(,"u":)" + said("\xc3\xa4") +
      R"(,"v":)" + said("\xc3\xb6") + R"(}}}}}}}},"components":{"schemas":{")" + base +
      R"(x":{"type":"string"},")" + base +
      "y\":{\"type\":\"null\"},\"\xc3\xa4\":{\"type\":\"string\"},\"\xc3\xb6\":{\"type\":\"null\"}}"
      "}}");
  REQUIRE(d);
  const auto it = payloads::json_schema("a", named(*d, "a").arguments_schema).value();
  const auto why = [&](const char* json) { return it->why_unfit(text{.value = json, .role = ""}); };
  CHECK(why(R"({"body":{"x":"s","y":null,"u":"s","v":null}})") == "");
  for (const char* wrong : {R"({"body":{"x":null}})", R"({"body":{"y":"s"}})",
                            R"({"body":{"u":null}})", R"({"body":{"v":"s"}})"})
    CHECK(why(wrong) != "");
}

TEST_CASE("a property may be called as a keyword is") {
  const auto d = read_document(R"(openapi: 3.0.0
paths:
  /a:
    post:
      operationId: a
      requestBody:
        content:
          application/json:
            schema:
              additionalProperties: false
              required: [example, default]
              x-note: {$ref: nowhere}
              properties:
                example: {type: string, nullable: true}
                default: {$ref: '#/components/schemas/N'}
                enum: {type: integer, minimum: 0, exclusiveMinimum: true}
                required: {type: array, items: {$ref: '#/components/schemas/N'}}
                properties: {default: {$ref: kept as it is}, enum: [{$ref: 1}]}
                $ref: {type: string}
                x-mine: {type: string}
components: {schemas: {N: {type: integer}}}
)");
  REQUIRE_MESSAGE(d, (d ? "" : d.error().message));
  const auto it = payloads::json_schema("a", named(*d, "a").arguments_schema).value();
  const auto why = [&](const char* json) { return it->why_unfit(text{.value = json, .role = ""}); };
  CHECK(why(R"({"body":{"example":null,"default":1,"enum":1,"required":[1],"$ref":"s",)"
            R"("properties":{"$ref":1},"x-mine":"s"}})") == "");
  CHECK(why(R"({"body":{"default":1}})") == "/body: `example` is missing");
  CHECK(why(R"({"body":{"example":"s","default":"1"}})").starts_with("/body/default:"));
  CHECK(why(R"({"body":{"example":"s","default":1,"enum":0}})") == "/body/enum: not more than 0");
  CHECK(why(R"({"body":{"example":"s","default":1,"required":["s"]}})")
            .starts_with("/body/required/0:"));
}

TEST_CASE("each operation takes the key as its own scheme says, or as usual where none is known") {
  const auto keys = [](const char* top, const char* schemes, const char* own) {
    const auto d = read_document(
        fmt::format(R"({{"openapi":"3.1.0",{}"paths":{{"/a":{{"get":{{"operationId":"a"{}}}}}}},)"
                    R"("components":{{"securitySchemes":{{{}}}}}}})",
                    top, own, schemes));
    REQUIRE(d);
    const auto& key = d->operations[0].key;
    if (!key) return std::string(d->names_no_key ? "open" : "none");
    return std::to_string(static_cast<int>(key->how)) + key->name;
  };
  const char* both =
      R"("one":{"type":"apiKey","in":"query","name":"q"},"two":{"type":"http","scheme":"bearer"},)"
      R"("sign":{"type":"oauth2"})";
  const char* none = R"("sign":{"type":"oauth2"})";
  CHECK(keys("", both, R"(,"security":[{"one":[]}])") == "3q");
  CHECK(keys("", both, R"(,"security":[{"two":[]}])") == "0");
  CHECK(keys(R"("security":[{"one":[]}],)", both, R"(,"security":[{"sign":[]},{"two":[]}])") ==
        "0");
  CHECK(keys(R"("security":[{"one":[]}],)", both, "") == "3q");
  CHECK(keys("", both, R"(,"security":[{"one":[],"sign":[]},{"two":[]}])") == "0");
  CHECK(keys("", both, R"(,"security":[{"one":[],"sign":[]}])") == "3q");
  CHECK(keys("", both, R"(,"security":[{"sign":[]}])") == "none");
  CHECK(keys(R"("security":[{"one":[]}],)", both, R"(,"security":[])") == "none");
  CHECK(keys("", both, "") == "none");
  CHECK(keys("", none, "") == "0");
  CHECK(keys("", "", "") == "0");
  CHECK(keys("", none, R"(,"security":[{"sign":["read"]}])") == "0");
  CHECK(keys("", none, R"(,"security":[])") == "open");
  CHECK(keys("", R"("one":{"type":"apiKey","in":"header","name":"Host"})", "") == "0");
}

TEST_CASE("a hostile document takes bounded work and is told") {
  const auto many = [](int n, const std::string& item) {
    std::string out;
    for (int i = 0; i < n; ++i) out += fmt::format(R"({}"k{}":{})", i == 0 ? "" : ",", i, item);
    return out;
  };
  CHECK(refused("{\"openapi\":\"3.1.0\",\"x\":{" + many(50'000, "1") + "}}")
            .find("more than 10000 keys") != std::string::npos);
  std::string lines = "openapi: 3.1.0\nx:\n";
  for (int i = 0; i < 10'001; ++i) lines += fmt::format("  k{}: 1\n", i);
  CHECK(refused(lines) != "");
  // Each operation refers to what is too long for one: none of them copies it to its end.
  const auto wide = R"({"properties":{)" + many(9000, R"({"enum":["aaaaaaaaaaaaaaaa"]})") + "}}";
  std::string paths;
  for (int i = 0; i < 5000; ++i)
    paths += fmt::format(
        R"({}"/p{}":{{"get":{{"parameters":[{{"name":"x","in":"query","schema":{{"$ref":"#/w"}}}}]}}}})",
        i == 0 ? "" : ",", i);
  const auto text =
      R"({"openapi":"3.1.0","w":)" + wide + R"(,"paths":{"/a":{"get":{}},)" + paths + "}}";
  const auto read = read_document(text);
  REQUIRE(read);
  CHECK(read->operations.size() == 1);
  CHECK(read->left_out.size() == 1000);
  CHECK(read->left_out.size() + read->left_out_untold == 5000);
}

TEST_CASE("arguments become an address, and none of them leads elsewhere") {
  CHECK(target("getOrder", R"({"id":"a b/?#&"})") == "/orders/a%20b%2F%3F%23%26");
  CHECK(target("getOrder", R"({"id":"7","fields":["a&b","c"],"page":[1,2]})") ==
        "/orders/7?fields=a%26b&fields=c&page=1,2");
  CHECK(target("getOrder", R"({"id":".."})") == "`id` is no part of a path");
  CHECK(target("getOrder", R"({"id":""})") == "`id` is no part of a path");
  CHECK(target("getOrder", R"({"id":{"a":1}})").find("more levels") != std::string::npos);
  CHECK(target("getOrder", R"({"id":"{id}"})") == "/orders/%7Bid%7D");
  CHECK(target("getOrder", "{\"id\":\"7\",\"X-Trace\":\"a\\r\\nEvil: b\"}").find("no header") !=
        std::string::npos);
  CHECK(target("order", R"({"body":{"item":"tea"}})") == R"(/orders {"item":"tea"})");
}

TEST_CASE("documents that are none, or that would take too much, are told") {
  CHECK(refused("").find("3.0 or 3.1") != std::string::npos);
  CHECK(refused("a: [").starts_with("1:"));
  CHECK(refused("swagger: \"2.0\"").find("3.0 or 3.1") != std::string::npos);
  CHECK(refused("openapi: 3.1.0") == "it has no `paths`");
  CHECK(refused("openapi: 3.1.0\npaths: {}") == "it has no operations");
  CHECK(refused(R"({"openapi":"3.1.0","paths":{"/a":{"get":{"parameters":[{"$ref":"#/x"}]}}},)"
                R"("x":{"$ref":"#/x"}})")
            .find("a parameter that leads nowhere") != std::string::npos);
  CHECK(refused(
            R"({"openapi":"3.1.0","paths":{"/a":{"get":{"parameters":[{"$ref":"http://x/y"}]}}}})")
            .find("leads nowhere") != std::string::npos);
  CHECK(refused("{\"a\":" + std::string(100'000, '[')).find("nested deeper") != std::string::npos);
  CHECK(refused(std::string(document_bytes_max + 1, ' ')).find("more than") != std::string::npos);
  // A schema that leads back to itself is written down once.
  const auto circle = read_document(
      R"({"openapi":"3.1.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":)"
      R"({"schema":{"$ref":"#/components/schemas/A"}}}}}}},)"
      R"("components":{"schemas":{"A":{"properties":{"a":{"$ref":"#/components/schemas/A"}}}}}})");
  CHECK(circle.has_value());
  // Each of 30 schemas refers to the next one twice: they stand there once each.
  std::string many;
  for (int i = 0; i < 30; ++i)
    many += fmt::format(
        R"("S{}":{{"allOf":[{{"$ref":"#/components/schemas/S{}"}},{{"$ref":"#/components/schemas/S{}"}}]}},)",
        i, i + 1, i + 1);
  const auto twice = read_document(
      R"({"openapi":"3.1.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":)"
      R"({"schema":{"$ref":"#/components/schemas/S0"}}}}}}},"components":{"schemas":{)" +
      many + R"("S30":{}}}})");
  CHECK(twice.has_value());
}

TEST_CASE("a tool asks its operation, and the answer comes back as text") {
  auto o = testing::echo_options();
  o.handle = [](const http::request& r, const http::responder& reply) {
    if (r.path == "/v1/orders/gone") return reply({404, "text/plain", "no such order", {}});
    if (r.path == "/v1/orders/away") return reply({302, "text/plain", "", {{"Location", "/x"}}});
    if (r.path == "/v1/orders/long") return reply({200, "text/plain", std::string(900, 'x'), {}});
    if (r.path == "/v1/orders/picture") return reply({200, "image/png", "x", {}});
    if (r.method == "DELETE") return reply({204, "", "", {}});
    reply({200,
           "application/json",
           fmt::format("{} {}?{} {} key {}", r.method, r.path, r.query, r.body,
                       http::find_header(r.headers, "X-Key").value_or("none")),
           {}});
  };
  const auto server = testing::start(std::move(o));
  world w;
  w.c.server = server->url() + "/v1/";
  w.c.inside = {"127.0.0.1:" + std::to_string(server->port())};
  w.c.max_result_bytes = 400;
  ::setenv("HOCKET_TEST_SHOP_KEY", "s3cret", 1);
  w.c.key_env = "HOCKET_TEST_SHOP_KEY";
  REQUIRE(w.open() == "");
  REQUIRE(w.logged.size() == 3);
  CHECK(w.logged[2].find("no key is sent with get_open") != std::string::npos);
  CHECK(w.s->list()->size() == 4);
  CHECK(w.call("getOrder", R"({"id":"7","fields":["a"]})") ==
        "GET /v1/orders/7?fields=a  key s3cret");
  CHECK(w.call("order", R"({"body":{"item":"tea"}})") ==
        R"(POST /v1/orders? {"item":"tea"} key s3cret)");
  CHECK(w.call("get_open", "{}") == "GET /v1/open?  key none");
  CHECK(w.call("cancel_order", R"({"id":"7"})") == "done (status 204)");
  CHECK(w.call("getOrder", R"({"id":"gone"})") ==
        "openapi.status: GET /orders/{id} answers with status 404: no such order");
  CHECK(w.call("getOrder", R"({"id":"away"})").find("status 302") != std::string::npos);
  CHECK(w.call("getOrder", R"({"id":"long"})").ends_with("[the answer is longer than 400 bytes]"));
  CHECK(w.call("getOrder", R"({"id":"picture"})").find("neither text nor JSON") !=
        std::string::npos);
  CHECK(w.call("getOrder", R"({})") == "openapi.bad_arguments: `id` is missing");
  CHECK(w.call("getOrder", "not json") == "openapi.bad_arguments: the text is no JSON");
  CHECK(w.call("nothing", "{}").starts_with("openapi.no_such_tool"));
}

TEST_CASE("a key goes where the document says, escaped; without a word of it as a bearer token") {
  auto o = testing::echo_options();
  o.handle = [](const http::request& r, const http::responder& reply) {
    reply({200,
           "text/plain",
           fmt::format("{} {}", r.query,
                       http::find_header(r.headers, "Authorization").value_or("none")),
           {}});
  };
  const auto server = testing::start(std::move(o));
  ::setenv("HOCKET_TEST_ODD_KEY", "a=b&c", 1);
  const auto asked = [&](const std::string& document, bool tells) {
    const testing::temporary_file file(document);
    source::config c{.file = file.path, .server = server->url()};
    c.inside = {"127.0.0.1:" + std::to_string(server->port())};
    c.key_env = "HOCKET_TEST_ODD_KEY";
    std::vector<std::string> logged;
    source s(c);
    tool_source_context where;
    where.name = "odd";
    where.log = [&](std::string_view m) { logged.emplace_back(m); };
    REQUIRE(s.open(where));
    CHECK((!logged.empty() && logged[0].find("bearer token") != std::string::npos) == tells);
    const auto said = s.call("a", "{}", {});
    return said ? *said : said.error().message;
  };
  const std::string paths = R"("paths":{"/a":{"get":{"operationId":"a"}}})";
  CHECK(asked(R"({"openapi":"3.1.0",)" + paths + "}", true) == " Bearer a=b&c");
  CHECK(asked(R"({"openapi":"3.1.0","security":[{"q":[]}],"components":{"securitySchemes":{"q":)"
              R"({"type":"apiKey","in":"query","name":"k=k"}}},)" +
                  paths + "}",
              false) == "k%3Dk=a%3Db%26c none");
}

TEST_CASE("private addresses, keys in plain sight and unknown operations are refused") {
  const auto server = testing::start(testing::echo_options());
  world w;
  w.c.server = server->url();
  REQUIRE(w.open() == "");
  CHECK(
      w.call("get_open", "{}").starts_with("openapi.not_allowed: 127.0.0.1 is not on the public"));
  CHECK(server->counters().requests == 0);
  w.c.key_env = "HOCKET_TEST_NOT_SET";
  CHECK(w.open() == "openapi.bad_config: the variable HOCKET_TEST_NOT_SET (`key_env`) is not set");
  ::setenv("HOCKET_TEST_SHOP_KEY", "s3cret", 1);
  w.c.key_env = "HOCKET_TEST_SHOP_KEY";
  CHECK(w.open().find("not sent over http://") != std::string::npos);
  w.c.key_env = "";
  w.c.operations = {"getOrdr"};
  CHECK(w.open() ==
        "openapi.bad_config: no operation is called `getOrdr`; did you mean `getOrder`?");
  w.c.operations = {"upload"};
  CHECK(w.open().find("left out: put /upload: its body is not JSON") != std::string::npos);
  w.c.operations = {"getOrder"};
  REQUIRE(w.open() == "");
  CHECK(w.s->list()->size() == 1);
  w.c.server = "ftp://x";
  CHECK(w.open().starts_with("openapi.bad_config"));
  w.c.file = "no/such/file.yaml";
  CHECK(w.open().starts_with("files.cannot_read"));
}
