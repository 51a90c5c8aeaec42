package limg.runtime;

import java.lang.reflect.Array;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads and writes JSON (RFC 8259).
 *
 * <p>Read values are {@code Map} (in the text's order), {@code List}, {@code String}, {@code Boolean}, null, and of the
 * number types the smallest that holds the value: {@code Integer}, {@code Long}, {@code BigInteger}; {@code Double} for
 * all that are not whole.
 */
final class Json {
    /** Nested deeper than this, a text is refused rather than overflow the stack. */
    static final int DEPTH = 512;

    /** A number of more characters is refused: the time to read one grows with their square. */
    private static final int NUMBER_LENGTH = 1000;

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** A text that is not JSON, or a value that JSON has no form for. */
    static final class Invalid extends RuntimeException {
        private static final long serialVersionUID = 1;

        Invalid(String message) {
            super(message);
        }
    }

    static Object read(byte[] utf8) {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
        } catch (CharacterCodingException error) {
            throw new Invalid("the JSON text is not UTF-8");
        }
        Json json = new Json(text);
        Object value = json.value(0);
        json.space();
        if (json.at < text.length()) {
            throw json.unexpected("the end");
        }
        return value;
    }

    private Object value(int depth) {
        if (depth > DEPTH) {
            throw new Invalid("the JSON text is nested deeper than " + DEPTH);
        }
        space();
        switch (peek()) {
            case '{':
                return object(depth);
            case '[':
                return array(depth);
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                return number();
        }
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> entries = new LinkedHashMap<>();
        at++;
        space();
        if (take('}')) {
            return entries;
        }
        do {
            space();
            if (peek() != '"') {
                throw unexpected("a name in quotation marks");
            }
            String name = string();
            space();
            want(':');
            entries.put(name, value(depth + 1));
            space();
        } while (take(','));
        want('}');
        return entries;
    }

    private List<Object> array(int depth) {
        List<Object> items = new ArrayList<>();
        at++;
        space();
        if (take(']')) {
            return items;
        }
        do {
            items.add(value(depth + 1));
            space();
        } while (take(','));
        want(']');
        return items;
    }

    private String string() {
        StringBuilder string = new StringBuilder();
        at++;
        while (true) {
            char next = peek();
            if (next < ' ') {
                throw unexpected("the rest of a string");
            }
            at++;
            if (next == '"') {
                return string.toString();
            }
            string.append(next == '\\' ? escaped() : next);
        }
    }

    private char escaped() {
        char letter = peek();
        int plain = "\"\\/bfnrt".indexOf(letter);
        if (plain >= 0) {
            at++;
            return "\"\\/\b\f\n\r\t".charAt(plain);
        }
        if (letter != 'u' || at + 5 > text.length()) {
            throw unexpected("an escape");
        }
        int code = 0;
        for (int end = ++at + 4; at < end; at++) {
            char digit = text.charAt(at);
            if (digit > 'f' || Character.digit(digit, 16) < 0) {
                throw unexpected("four hexadecimal digits");
            }
            code = code * 16 + Character.digit(digit, 16);
        }
        return (char) code;
    }

    private Object number() {
        int start = at;
        take('-');
        if (!take('0')) {
            digits();
        }
        boolean whole = true;
        if (take('.')) {
            digits();
            whole = false;
        }
        if (take('e') || take('E')) {
            if (!take('+')) {
                take('-');
            }
            digits();
            whole = false;
        }
        if (at - start > NUMBER_LENGTH) {
            throw new Invalid("the JSON text has a number of more than " + NUMBER_LENGTH + " characters");
        }
        String number = text.substring(start, at);
        if (!whole) {
            return Double.valueOf(number);
        }
        BigInteger integer = new BigInteger(number);
        if (integer.bitLength() < Integer.SIZE) {
            return integer.intValue();
        }
        return integer.bitLength() < Long.SIZE ? (Object) integer.longValue() : integer;
    }

    private void digits() {
        int start = at;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        if (at == start) {
            throw unexpected("a value");
        }
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw unexpected("a value");
        }
        at += word.length();
        return value;
    }

    private void space() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char peek() {
        if (at == text.length()) {
            throw unexpected("more");
        }
        return text.charAt(at);
    }

    private boolean take(char wanted) {
        boolean there = at < text.length() && text.charAt(at) == wanted;
        if (there) {
            at++;
        }
        return there;
    }

    private void want(char wanted) {
        if (!take(wanted)) {
            throw unexpected("`" + wanted + "`");
        }
    }

    private Invalid unexpected(String wanted) {
        String found = at < text.length() ? "`" + text.charAt(at) + "`" : "the end";
        return new Invalid("the JSON text has " + found + " at character " + at + " instead of " + wanted);
    }

    static byte[] write(Object value) {
        StringBuilder json = new StringBuilder();
        write(value, json, 0);
        return json.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static void write(Object value, StringBuilder json, int depth) {
        if (depth > DEPTH) {
            throw new Invalid("the value is nested deeper than " + DEPTH + ", or holds itself");
        }
        if (value == null || value instanceof Boolean) {
            json.append(value);
        } else if (value instanceof CharSequence || value instanceof Character) {
            quote(value.toString(), json);
        } else if (value instanceof Enum<?>) {
            quote(((Enum<?>) value).name(), json);
        } else if (value instanceof Number) {
            json.append(number((Number) value));
        } else if (value instanceof byte[]) {
            quote(Base64.getEncoder().encodeToString((byte[]) value), json);
        } else if (value instanceof Map<?, ?>) {
            char before = '{';
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                json.append(before);
                before = ',';
                quote(String.valueOf(entry.getKey()), json);
                json.append(':');
                write(entry.getValue(), json, depth + 1);
            }
            json.append(before == '{' ? "{}" : "}");
        } else if (value instanceof Iterable<?>) {
            char before = '[';
            for (Object item : (Iterable<?>) value) {
                json.append(before);
                before = ',';
                write(item, json, depth + 1);
            }
            json.append(before == '[' ? "[]" : "]");
        } else if (value.getClass().isArray()) {
            json.append('[');
            for (int index = 0; index < Array.getLength(value); index++) {
                json.append(index == 0 ? "" : ",");
                write(Array.get(value, index), json, depth + 1);
            }
            json.append(']');
        } else {
            throw new Invalid("a value of " + value.getClass().getName() + " has no form in JSON here:"
                + " give maps, lists, strings, numbers and booleans, or write to an OutputStream");
        }
    }

    private static String number(Number number) {
        if ((number instanceof Double || number instanceof Float) && !Double.isFinite(number.doubleValue())) {
            throw new Invalid("JSON has no form for the number " + number);
        }
        return number.toString();
    }

    private static void quote(String string, StringBuilder json) {
        json.append('"');
        for (int index = 0; index < string.length(); index++) {
            char next = string.charAt(index);
            boolean pair = Character.isHighSurrogate(next) && index + 1 < string.length()
                && Character.isLowSurrogate(string.charAt(index + 1));
            if (pair) {
                json.append(next).append(string.charAt(++index));
            } else if (next == '"' || next == '\\') {
                json.append('\\').append(next);
            } else if (next < ' ' || Character.isSurrogate(next)) {
                // Half a pair has no form in UTF-8, but one as an escape.
                json.append(String.format("\\u%04x", (int) next));
            } else {
                json.append(next);
            }
        }
        json.append('"');
    }
}
