"""JavaScript that reads the code of the frame on the screen, as `videos.read_index` does."""

READ_CODE = """(() => {
    const video = root.querySelector('.screen video');
    const [w, h] = [video.videoWidth, video.videoHeight];
    const canvas = new OffscreenCanvas(w, h);
    const brush = canvas.getContext('2d', { willReadFrequently: true });
    brush.drawImage(video, 0, 0);
    const { data } = brush.getImageData(0, 0, w, h);
    let word = 0;
    for (let cell = 0; cell < given.columns * given.rows; cell += 1) {
        const row = Math.floor(cell / given.columns), column = cell % given.columns;
        const x = Math.floor(((column + 0.5) * w) / given.columns);
        const y = Math.floor(((row + 0.5) * h) / given.rows);
        if (data[4 * (y * w + x)] > 126) word += 2 ** cell;
    }
    const index = Math.floor(word / 256);
    const check = (index * 151 + (index >> 8) * 59 + 0xa5) & 0xff;
    if (check !== word % 256) throw new Error(`no valid code: ${word.toString(16)}`);
    return index;
})()"""

WEAK_CONTRASTS = """(() => {
    const canvas = new OffscreenCanvas(1, 1);
    const brush = canvas.getContext('2d', { willReadFrequently: true });
    const rgba = (color) => {
        brush.clearRect(0, 0, 1, 1);
        brush.fillStyle = color;
        brush.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, below) => below.map((v, i) => top[i] * top[3] + v * (1 - top[3]));
    const parts = (node) => {
        const found = [];
        for (let at = node; at; at = at.parentElement ?? at.getRootNode().host) found.push(at);
        return found;
    };
    const under = (node, { x, y, width, height }) => {
        const all = node.getRootNode().elementsFromPoint(x + width / 2, y + height / 2);
        const at = all.indexOf(node);
        return at < 0 ? parts(node) : all.slice(at);
    };
    const ground = (node, box) => {
        const layers = [];
        for (const one of under(node, box)) {
            layers.unshift(rgba(getComputedStyle(one).backgroundColor));
            if (layers[0][3] === 1) break;
        }
        return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
    };
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) =>
        0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const wordsOf = (node) =>
        [...node.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join('').trim();
    const isShown = (node) => !node.closest(':disabled, .unseen, .grabber, option')
        && node.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const weak = [];
    for (const node of root.querySelectorAll('*')) {
        const words = wordsOf(node);
        if (words === '' || !isShown(node)) continue;
        const style = getComputedStyle(node);
        const back = ground(node, node.getBoundingClientRect());
        const ink = rgba(style.color);
        for (const one of parts(node)) ink[3] *= Number(getComputedStyle(one).opacity);
        const [dark, bright] = [light(over(ink, back)), light(back)].sort((a, b) => a - b);
        const size = parseFloat(style.fontSize), isBold = Number(style.fontWeight) >= 700;
        const wanted = size >= 24 || (isBold && size >= 18.66) ? 3 : 4.5;
        const contrast = (bright + 0.05) / (dark + 0.05);
        if (contrast >= wanted) continue;
        const name = node.className || node.tagName;
        weak.push(`${name} "${words.slice(0, 30)}": ${contrast.toFixed(2)}`);
    }
    return weak;
})()"""
"""Texts on the screen whose contrast is below WCAG AA (1.4.3), each with what it is."""
